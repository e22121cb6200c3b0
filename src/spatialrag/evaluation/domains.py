"""Domain methods beside each other: several seeds, every score, never a chosen epoch."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from spatialrag.domains.clustering import Clustering
from spatialrag.domains.domains import DomainMethod, Domains
from spatialrag.domains.tissue import Tissue
from spatialrag.errors import InputError
from spatialrag.evaluation.columns import legend, markdown_legend
from spatialrag.evaluation.score_table import melt_scores
from spatialrag.metrics.domains import domain_scores
from spatialrag.progress import track
from spatialrag.replace import replace_text
from spatialrag.semantics.spots import Semantics
from spatialrag.tables.markdown import markdown_table

SCORES = ("ari", "nmi", "accuracy", "f1_macro", "f1_weighted")
# The highest ARI over epochs that were kept: what choosing the epoch by labels reports.
ORACLE = "oracle"


@dataclass(frozen=True)
class Arm:
    """One row of a comparison: a method, with the semantics it is given."""

    method: DomainMethod
    semantics: Semantics | None = None

    def run(self, tissue: Tissue, n_domains: int | None, seed: int) -> Domains:
        """Return domains under that seed."""
        method = replace(cast(Any, self.method), seed=seed)
        if self.semantics is None:
            return method.fit_predict(tissue, n_domains=n_domains)
        return method.fit_predict(tissue, n_domains=n_domains, semantics=self.semantics)


@dataclass(frozen=True, eq=False)
class DomainReport:
    """Scores of arms, one row per arm and seed.

    Parameters
    ----------
    runs
        Columns ``arm``, ``seed``, `SCORES`, ``n_scored``, ``n_domains``, ``seconds``, and
        ``oracle`` where latents of several epochs were kept.
    record
        What was compared on.

    Examples
    --------
    >>> runs = pd.DataFrame({"arm": ["pca"], "seed": [0], "ari": [0.5]})
    >>> len(DomainReport(runs).runs)
    1
    """

    runs: pd.DataFrame
    record: dict[str, object] = field(default_factory=dict)

    @property
    def scores(self) -> pd.DataFrame:
        """Every score as a tidy table of the group ``domains``, as `Report.scores`."""
        tissue = str(self.record.get("tissue", ""))
        return melt_scores(self.runs, slide=tissue, method="arm", group="domains")

    def table(self, scores: Iterable[str] = ("ari", "nmi", "accuracy", "f1_macro")) -> pd.DataFrame:
        """Return mean and standard deviation over seeds as text, arms in order, and seconds."""
        grouped = self.runs.groupby("arm", sort=False)
        columns = {
            name: [_spread(part[name]) for _, part in grouped]
            for name in (*scores, *([ORACLE] if ORACLE in self.runs else []))
        }
        columns |= {"seeds": grouped.size().tolist(), "seconds": grouped["seconds"].mean().tolist()}
        frame = pd.DataFrame(columns, index=list(grouped.groups))
        frame["seconds"] = frame["seconds"].round(1)
        return frame

    def mean(self, score: str = "ari") -> pd.Series:
        """Return the mean of a score over seeds, by arm."""
        return self.runs.groupby("arm", sort=False)[score].mean()

    def write(self, path: str | Path) -> None:
        """Write JSON, and beside it the table (``.md``) and the tidy scores (``.csv``)."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = self.runs.astype(object).where(self.runs.notna(), None).to_dict("records")
        content = {"record": self.record, "runs": rows}
        replace_text(path, json.dumps(content, indent=1) + "\n")
        table = self.table()
        text = markdown_table(table) + "\n\n" + markdown_legend(legend([table])) + "\n"
        replace_text(path.with_suffix(".md"), text)
        replace_text(path.with_suffix(".csv"), self.scores.to_csv(index=False, float_format="%.6g"))


def read_domain_report(path: str | Path) -> DomainReport:
    """Return a report that `DomainReport.write` wrote."""
    content = json.loads(Path(path).read_text())
    return DomainReport(pd.DataFrame(content["runs"]), content["record"])


def compare_domains(
    tissue: Tissue,
    truth: np.ndarray,
    arms: dict[str, Arm],
    *,
    n_domains: int | None,
    seeds: Iterable[int] = range(5),
    unlabelled: tuple[str, ...] = (),
) -> DomainReport:
    """Return scores of every arm under every seed.

    Parameters
    ----------
    tissue
        Spots. Methods see nothing else.
    truth : (n_spots,)
        Annotated domains, for scoring alone.
    arms
        By name; their order is the table's.
    n_domains
        K; none lets each method choose.
    seeds
        Seeds of methods.
    unlabelled
        Annotations that mean none, beside those `spatialrag.metrics.domains.labelled` knows.

    Raises
    ------
    InputError
        No seeds, or annotations that do not match spots.

    Examples
    --------
    >>> from spatialrag.evaluation.domains import Arm
    >>> arms = {"pca": Arm(sr.domains.SmoothedPCA(k=0))}
    >>> report = compare_domains(tissue, regions, arms, n_domains=2, seeds=[0])
    >>> len(report.runs)
    1
    """
    seeds = list(seeds)
    if not seeds or len(truth) != tissue.n_spots:
        raise InputError(
            "nothing can be compared",
            expected=f"seeds, and {tissue.n_spots} annotations",
            got=f"{len(seeds)} seeds, {len(truth)} annotations",
        )
    pairs = [(name, seed) for name in arms for seed in seeds]
    rows = []
    for name, seed in track(pairs, label="domain methods", total=len(pairs)):
        start = time.perf_counter()
        found = arms[name].run(tissue, n_domains, seed)
        seconds = time.perf_counter() - start
        row = {
            "arm": name,
            "seed": seed,
            **domain_scores(truth, found.labels, unlabelled=unlabelled),
        }
        row |= {"n_domains": len(found.sizes), "seconds": round(seconds, 2)}
        if "trace" in found.arrays:
            row[ORACLE] = _oracle(found.arrays["trace"], truth, n_domains, seed, unlabelled)
        rows.append(row)
    return DomainReport(pd.DataFrame(rows), {"n_spots": tissue.n_spots, "n_domains": n_domains})


def _oracle(
    trace: np.ndarray,
    truth: np.ndarray,
    n_domains: int | None,
    seed: int,
    unlabelled: tuple[str, ...],
) -> float:
    found = (Clustering().labels(latent, n_domains, rng=seed) for latent in trace)
    return max(domain_scores(truth, labels, unlabelled=unlabelled)["ari"] for labels in found)


def _spread(values: pd.Series) -> str:
    kept = values.dropna()
    if kept.empty:
        return "–"
    return f"{kept.mean():.3f} ± {kept.std(ddof=0):.3f}"
