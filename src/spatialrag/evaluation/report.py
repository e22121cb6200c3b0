"""Results of an evaluation: JSON for programs, Markdown for people."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spatialrag.evaluation.columns import cell, legend, markdown_legend, oracle_first
from spatialrag.evaluation.score_table import score_table
from spatialrag.metrics.surrogates import N_SURROGATES
from spatialrag.replace import replace_text
from spatialrag.tables.markdown import markdown_table

# What was fixed beforehand stands before what is chosen on the measured slide.
CORE_COLUMNS = (
    "fixed_10",
    "fixed_50",
    "fixed_300",
    "partial_all",
    "residual_all",
    "ceiling_share",
    "n_above_null",
    "pcc_10",
    "pcc_50",
    "pcc_300",
    "spearman",
    "mse",
    "gene_gene",
    "missing_share",
    "n_constant",
)
GLOBAL_COLUMNS = (
    "fixed_300",
    "fixed_1000",
    "pcc_all",
    "partial_all",
    "residual_all",
    "ceiling_share",
    "n_above_null",
    "pcc_300",
    "pcc_1000",
    "pcc_5000",
    "moran_agreement",
    "missing_share",
    "n_constant",
)
CITATION_COLUMNS = (
    "n_active",
    "effective_number",
    "uncited_share",
    "five_share",
    "morphology_cited",
    "morphology_random",
    "morphology_same_depth",
    "expression_cited",
    "expression_random",
    "expression_same_depth",
    "deletion_top",
    "deletion_random",
)


_FEW_MISSING = 0.01


@dataclass(frozen=True, eq=False)
class Report:
    """Scores per slide and method.

    Parameters
    ----------
    slides
        ``slides[slide][method]``: groups of metrics, and ``per_gene`` tables.
    record
        Origin: versions, settings, bank fingerprint, folds.

    Examples
    --------
    >>> report = sr.loso(bank, rows=[sr.Row("mean", sr.prediction.MeanProfile())], n_core=20)
    >>> report.write("scores.json")
    """

    slides: dict[str, dict[str, dict[str, Any]]]
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def methods(self) -> list[str]:
        """Method names in table order."""
        return list(next(iter(self.slides.values())))

    @property
    def scores(self) -> pd.DataFrame:
        """Every score as a tidy table, see `spatialrag.evaluation.score_table.score_table`."""
        return score_table(self.slides)

    def mean(self) -> dict[str, dict[str, Any]]:
        """Return ``mean[method][group][metric]``: the mean over slides that have the metric."""
        return {
            name: _mean([slide[name] for slide in self.slides.values()]) for name in self.methods
        }

    def to_json(self) -> dict[str, Any]:
        """Return plain values: ``mean``, ``slides`` and ``record``."""
        slides = {
            slide: {name: _plain(entry) for name, entry in methods.items()}
            for slide, methods in self.slides.items()
        }
        return finite({"mean": self.mean(), "slides": slides, "record": self.record})

    def write(self, path: str | Path) -> None:
        """Write JSON, and beside it under the same name what people and programs read.

        ``.md`` has the tables, ``.csv`` the tidy `scores`, ``.genes.csv`` a row per gene.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps(self.to_json(), indent=1) + "\n")
        replace_text(path.with_suffix(".md"), self.markdown())
        replace_text(path.with_suffix(".csv"), self.scores.to_csv(index=False, float_format="%.6g"))
        replace_text(path.with_suffix(".genes.csv"), self.per_gene().to_csv(float_format="%.5g"))

    def per_gene(self) -> pd.DataFrame:
        """Return every gene's scores: index slide, method, gene."""
        tables = {
            (slide, name): entry["per_gene"]
            for slide, methods in self.slides.items()
            for name, entry in methods.items()
            if "per_gene" in entry
        }
        return pd.concat(tables, names=["slide", "method"])

    def table(self, group: str, columns: Sequence[str], slide: str | None = None) -> pd.DataFrame:
        """Return methods by metrics for one group, of one slide or averaged; absent is NaN.

        ``depth_oracle`` is the first row. Where less than a hundredth of the values is missing,
        ``missing_share`` is left to the files.
        """
        entries = self.mean() if slide is None else self.slides[slide]
        rows = {name: entry[group] for name, entry in entries.items() if group in entry}
        present = [column for column in columns if any(column in row for row in rows.values())]
        table = pd.DataFrame(rows).T.reindex(columns=present)
        if "missing_share" in table and not (table["missing_share"] > _FEW_MISSING).any():
            table = table.drop(columns="missing_share")
        return oracle_first(table)

    def n_genes(self, group: str) -> str:
        """Return how many genes are scored in a group: one number, or the range over slides."""
        entries = [m[group] for slide in self.slides.values() for m in slide.values() if group in m]
        return _range(entry["n_genes"] for entry in entries if "n_genes" in entry)

    @property
    def surrogates_note(self) -> str:
        """A sentence on what ``null_smooth`` rests on; empty where it was not asked for."""
        entries = [entry for slide in self.slides.values() for entry in slide.values()]
        return surrogates_note(
            (entry["n_surrogate_spots"], entry["n_spots"])
            for entry in entries
            if "n_surrogate_spots" in entry
        )

    @property
    def copies_note(self) -> str:
        """A sentence on the copies that folds left out with their test slides; empty without."""
        found = [
            f"{copy['slide']} with {slide} (by {copy['by']})"
            for slide, copies in self.record.get("copies", {}).items()
            for copy in copies
        ]
        return f"Copies left out of the references: {', '.join(found)}." if found else ""

    def markdown(self) -> str:
        """Return the mean tables, then core and global tables of every slide."""
        parts = ["# Scores", ""]
        counts = ", ".join(f"{self.n_genes(group)} {group} genes" for group in ("core", "global"))
        parts += [f"Mean over slides: {', '.join(self.slides)}; {counts}.", ""]
        for note in (self.surrogates_note, self.copies_note):
            parts += [note, ""] * bool(note)
        views = [
            ("core", CORE_COLUMNS),
            ("global", GLOBAL_COLUMNS),
            ("citations", CITATION_COLUMNS),
        ]
        shown = []
        for slide in [None, *self.slides]:
            title = "Mean" if slide is None else f"Slide {slide}"
            for group, columns in views if slide is None else views[:2]:
                shown.append(self.table(group, columns, slide))
                parts += [f"## {title}: {group}", "", scores_markdown(shown[-1]), ""]
        return "\n".join([*parts, "## Columns and rows", "", markdown_legend(legend(shown)), ""])


def scores_markdown(table: pd.DataFrame, *, index: str = "method") -> str:
    """Return a table of scores as Markdown; values as `columns.cell` says, absent ones empty."""
    return markdown_table(table, index=index, cell=partial(cell, absent=""))


def surrogates_note(spots: Iterable[tuple[float, float]]) -> str:
    """Return a sentence on what ``null_smooth`` rests on; empty without any.

    Parameters
    ----------
    spots
        Pairs of the spots that surrogates are of, and of all that were scored.
    """
    pairs = list(spots)
    if not pairs:
        return ""
    used, scored = (_range(numbers) for numbers in zip(*pairs, strict=True))
    drawn = used if used == scored else f"{used}, drawn from {scored}"
    return f"Smooth random maps: {N_SURROGATES} for each predicted one, on {drawn} spots."


def _range(numbers: Iterable[int]) -> str:
    """Return the only number, or the smallest and the largest."""
    found = sorted(set(map(int, numbers)))
    return " to ".join(str(n) for n in dict.fromkeys([*found[:1], *found[-1:]]))


def _mean(entries: list[dict[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key in dict.fromkeys(key for entry in entries for key in entry):
        values = [entry[key] for entry in entries if key in entry]
        if isinstance(values[0], dict):
            result[key] = _mean(values)
        elif isinstance(values[0], (int, float)):
            result[key] = float(np.mean(values))
    return result


def _plain(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if not isinstance(value, pd.DataFrame)}


def finite(value: Any) -> Any:
    """Replace NaN by null: NaN is not JSON."""
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
