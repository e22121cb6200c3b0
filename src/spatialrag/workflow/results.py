"""What an experiment found: one table of scores, and the gains with their spread."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spatialrag.errors import InputError
from spatialrag.evaluation.columns import legend, markdown_legend, oracle_first
from spatialrag.evaluation.report import scores_markdown, surrogates_note
from spatialrag.evaluation.score_table import COLUMNS as SCORE_COLUMNS
from spatialrag.replace import replace_text
from spatialrag.tables.markdown import markdown_table
from spatialrag.workflow.recipe import Recipe
from spatialrag.workflow.units import PRESET_LABELS

# What was fixed beforehand stands before what is chosen on the measured slide; null_smooth, which
# belongs to pcc_k, is in the files alone.
SHOWN = {
    "core": (
        "fixed_50",
        "fixed_300",
        "n_above_null",
        "pcc_10",
        "pcc_50",
        "pcc_200",
        "pcc_300",
        "spearman",
        "mse",
        "n_constant",
    ),
    "global": (
        "fixed_300",
        "fixed_1000",
        "n_above_null",
        "pcc_10",
        "pcc_50",
        "pcc_300",
        "pcc_1000",
        "pcc_2000",
        "pcc_3000",
        "pcc_5000",
    ),
}
METRICS = {
    group: (*names, "share_above_null", *(f"null_smooth_{n}" for n in names if n[:4] == "pcc_"))
    for group, names in SHOWN.items()
}
_RECORD: dict[str, type | tuple[type, ...]] = {
    "seconds": (int, float),
    "unit": dict,
    "facts": dict,
    "rows": dict,
}
_FOLD = ["encoder", "leave", "slide"]
_RESAMPLES = 10_000
_DESCRIPTIVE = 6


@dataclass(frozen=True, eq=False)
class Results:
    """Scores of every unit.

    Parameters
    ----------
    recipe
        What was compared.
    scores : pandas.DataFrame
        A row per encoder, leave, slide, group (backbone, controls, ragst), method and seed;
        columns ``core pcc_300`` and so on, n_spots, n_surrogate_spots, seconds, train_seconds.
    seconds
        Spent on all units, training included.
    genes
        Per encoder, leave, slide and method (first seed): (genes, Pearson, is core).
    cohort : pandas.DataFrame
        The slides, see `describe_cohort`.

    Examples
    --------
    >>> results = run_experiment(read_recipe("recipes/toy.toml"), "out")  # doctest: +SKIP
    >>> results.scores.columns  # doctest: +SKIP
    """

    recipe: Recipe
    scores: pd.DataFrame
    seconds: float
    genes: dict[tuple[str, str, str, str], tuple[list[str], np.ndarray, np.ndarray]]
    cohort: pd.DataFrame

    @property
    def folds(self) -> list[tuple[str, str]]:
        """Return the pairs of encoder and what is left out."""
        pairs = self.scores[["encoder", "leave"]].drop_duplicates()
        return list(pairs.itertuples(index=False, name=None))

    def per_slide(self) -> pd.DataFrame:
        """Return the mean over seeds: index encoder, leave, slide, method."""
        columns = [f"{group} {metric}" for group in METRICS for metric in METRICS[group]]
        return self.scores.groupby([*_FOLD, "method"], sort=False)[columns].mean()

    def headline(self, group: str) -> str:
        """Return the metric told first: core PCC-300 and global PCC-1000, or the largest there."""
        most = {"core": 300, "global": 1000}[group]
        names = [f"{group} {m}" for m in METRICS[group] if m.startswith("pcc_")]
        small = [name for name in names if int(name.split("_")[1]) <= most]
        return [name for name in small if self.scores[name].notna().any()][-1]

    def mean(self, encoder: str, leave: str) -> pd.DataFrame:
        """Return methods by the metrics shown, the mean over slides; measured depth first."""
        shown = [f"{group} {metric}" for group in SHOWN for metric in SHOWN[group]]
        return self._mean(encoder, leave)[shown].dropna(axis=1, how="all")

    def _mean(self, encoder: str, leave: str) -> pd.DataFrame:
        table = self.per_slide().loc[encoder, leave]
        return oracle_first(table.groupby("method", sort=False).mean())

    def summary(self, encoder: str, leave: str) -> pd.DataFrame:
        """Return the two metrics told first, beside what smooth random maps reach.

        Each with its standard deviation over seeds of the mean over slides (absent with one), with
        the level of random maps as smooth (absent where the metric is of all genes, and it is 0),
        and with the genes above these. Measured depth is the first row.
        """
        metrics = {group: self.headline(group) for group in SHOWN}
        scores = self.scores.query("encoder == @encoder and leave == @leave")
        seeds = scores.groupby(["method", "seed"], sort=False)[list(metrics.values())].mean()
        spread = seeds.groupby("method", sort=False).std().add_suffix(", over seeds")
        columns = []
        for group, metric in metrics.items():
            k = metric.removeprefix(f"{group} ")
            whole = k == f"pcc_{getattr(self.recipe.evaluation, f'n_{group}')}"
            levels = [] if whole else [f"{group} null_smooth_{k}"]
            columns += [metric, f"{metric}, over seeds", *levels, f"{group} n_above_null"]
        table = self._mean(encoder, leave).join(spread)
        return table.reindex(columns=columns).dropna(axis=1, how="all")

    @property
    def surrogates_note(self) -> str:
        """A sentence on what ``null_smooth`` rests on; empty where no unit has it."""
        if "n_surrogate_spots" not in self.scores:
            return ""
        pairs = self.scores[["n_surrogate_spots", "n_spots"]].dropna()
        return surrogates_note(pairs.itertuples(index=False, name=None))

    def by_slide(self, encoder: str, leave: str, metric: str) -> pd.DataFrame:
        """Return one metric, methods by slides; measured depth first."""
        folds = self.per_slide().loc[encoder, leave]
        wide = folds[metric].unstack("slide")
        wide = wide.reindex(
            index=folds.index.get_level_values("method").unique(),
            columns=folds.index.get_level_values("slide").unique(),
        )
        return oracle_first(wide.dropna(how="all"))

    def gains(self) -> pd.DataFrame:
        """Return what GeneRAG adds to each backbone, paired by slide.

        On core genes against the backbone alone, on global genes against the same backbone trained
        on all of them, where it was; the recipe's first preset also against ridge on all genes and
        the depth-only control.

        Returns
        -------
        pandas.DataFrame
            One row per encoder, leave, backbone, preset and comparison: metric, mean, low and high
            (95 % of 10,000 means over slides drawn with replacement), n_slides, the difference of
            each slide, anchors (mean r of the backbone's own core genes).
        """
        table, rows = self.per_slide(), []
        for encoder, leave in self.folds:
            scores = table.loc[encoder, leave]
            names = set(scores.index.get_level_values("method"))
            for backbone, method, other, metric in self._comparisons():
                if not {backbone, method, other} <= names:
                    continue
                pair = [scores.xs(name, level="method")[metric] for name in (method, other)]
                anchors = scores.xs(backbone, level="method")[self.headline("core")].mean()
                rows.append(
                    {"encoder": encoder, "leave": leave, "method": method}
                    | {"less": other, "metric": metric, "anchors": float(anchors)}
                    | interval((pair[0] - pair[1]).dropna())
                )
        return pd.DataFrame(rows)

    def _comparisons(self) -> Iterator[tuple[str, str, str, str]]:
        """Yield backbone, method, what it is compared with, and the metric."""
        core, everything = self.headline("core"), self.headline("global")
        first = self.recipe.methods.generag[0] if self.recipe.methods.generag else ""
        for backbone in self.recipe.methods.backbones:
            for preset in self.recipe.methods.generag:
                method = f"{backbone}+{PRESET_LABELS[preset]}"
                yield backbone, method, backbone, core
                yield backbone, method, f"{backbone}_all", everything
                if preset == first:
                    yield backbone, method, "ridge_all", everything
                    yield backbone, method, "depth_only", core
                    yield backbone, method, "depth_only", everything

    def write(self, out: Path) -> None:
        """Write ``scores.csv`` (tidy), ``scores.json`` and ``scores.md``."""
        replace_text(out / "scores.csv", self.tidy().to_csv(index=False, float_format="%.6g"))
        record = {
            "cohort": json.loads(self.cohort.to_json(orient="index")),
            "scores": json.loads(self.scores.to_json(orient="records")),
            "gains": json.loads(self.gains().to_json(orient="records")),
        }
        replace_text(out / "scores.json", json.dumps(record, indent=1) + "\n")
        replace_text(out / "scores.md", self.markdown())

    def tidy(self) -> pd.DataFrame:
        """Return every score as a tidy table: encoder, leave, and the columns of a `Report`'s."""
        known = [*_FOLD, "method", "seed"]
        numbers = [name for name in self.scores if name not in (*known, "group")]
        long = self.scores.melt(known, numbers).dropna(subset="value")
        split = long["variable"].str.rpartition(" ")
        long = long.assign(group=split[0], metric=split[2])
        return long[[*_FOLD, *SCORE_COLUMNS[1:]]].reset_index(drop=True)

    def markdown(self) -> str:
        """Return mean tables per encoder and fold, tables per slide, and the gains."""
        parts = [f"# {self.recipe.title}", "", scores_markdown(self.cohort, index="slide"), ""]
        tables = [self.cohort]
        for encoder, leave in self.folds:
            wide = [
                (metric, self.by_slide(encoder, leave, metric))
                for metric in (self.headline("core"), self.headline("global"))
            ]
            slides = ", ".join(wide[0][1].columns)
            tables += [self.summary(encoder, leave), self.mean(encoder, leave)]
            parts += [f"## {encoder}, {leave} left out: mean over {slides}", ""]
            parts += [scores_markdown(tables[-2]), "", "### All metrics", ""]
            parts += [scores_markdown(tables[-1]), ""]
            for metric, table in wide:
                parts += [f"### {metric} per slide", "", scores_markdown(table), ""]
        gains = self.gains()
        if len(gains):
            tables.append(gains)
            parts += [f"## What GeneRAG adds, paired by slide{_caveat(gains)}", "", _gains(gains)]
            parts.append("")
        parts += ["## Columns and rows", "", markdown_legend(legend(tables)), ""]
        parts += [self.surrogates_note] * bool(self.surrogates_note)
        return "\n".join(parts) + "\n"


def interval(differences: pd.Series) -> dict[str, Any]:
    """Return mean, and 2.5 and 97.5 % of means over slides drawn with replacement.

    Parameters
    ----------
    differences
        One per slide.
    """
    values = differences.to_numpy(float)
    if len(values) == 0:
        return {"mean": np.nan, "low": np.nan, "high": np.nan, "n_slides": 0, "slides": ""}
    drawn = np.random.default_rng(0).choice(values, size=(_RESAMPLES, len(values)))
    low, high = np.quantile(drawn.mean(axis=1), [0.025, 0.975])
    told = ", ".join(f"{slide} {value:+.3f}" for slide, value in differences.items())
    return {
        "mean": float(values.mean()),
        "low": float(low),
        "high": float(high),
        "n_slides": len(values),
        "slides": told,
    }


def read_results(recipe: Recipe, paths: Sequence[Path], cohort: pd.DataFrame) -> Results:
    """Return the results of units' files, beside the cohort they are of."""
    rows, genes, seconds = [], {}, 0.0
    for path in paths:
        record = _read(path)
        unit = record["unit"]
        seconds += record["seconds"]
        # Genes of one seed are enough for figures; controls and RAG-ST are planned with seed 0.
        first = recipe.methods.seeds[0] if unit["group"] in recipe.methods.backbones else 0
        for method, entry in record["rows"].items():
            row = {name: unit[name] for name in (*_FOLD, "group")}
            row |= {"method": method, "seed": unit["seed"]}
            for group, metrics in METRICS.items():
                for metric in metrics:
                    row[f"{group} {metric}"] = entry.get(group, {}).get(metric)
            row |= {name: entry.get(name) for name in ("n_spots", "n_surrogate_spots", "seconds")}
            row |= _trained(record["facts"])
            rows.append(row)
            key = (unit["encoder"], unit["leave"], unit["slide"], method)
            if "pearson" in entry and unit["seed"] == first:
                r = np.array([np.nan if v is None else v for v in entry["pearson"]])
                genes[key] = (entry["genes"], r, np.array(entry["is_core"], bool))
    table = pd.DataFrame(rows)
    numbers = [column for column in table if " " in column]
    table[numbers] = table[numbers].astype(float)
    table = _in_order(table, recipe).reset_index(drop=True)
    return Results(recipe, table, seconds, genes, cohort)


def _read(path: Path) -> dict[str, Any]:
    """Return the record of a unit."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        for name, kind in _RECORD.items():
            if not isinstance(record[name], kind):
                raise TypeError(f"{name} is {type(record[name]).__name__}")
        for name in (*_FOLD, "group", "seed"):
            record["unit"][name]
        if not all(isinstance(entry, dict) for entry in record["rows"].values()):
            raise TypeError("a row that is no table")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"the unit {path} is damaged",
            got=f"{type(error).__name__}: {error}",
            fix="delete it and run the experiment again: the other units are kept",
        ) from error
    return record


def _in_order(table: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Return the rows as the recipe lists encoders, folds and backbones; controls after these."""
    listed = {
        "encoder": recipe.embedding.encoders,
        "leave": recipe.evaluation.leave,
        "slide": tuple(sorted(table["slide"].unique())),
        "group": recipe.methods.backbones,
    }
    place = pd.DataFrame(
        {
            column: table[column].map({name: i for i, name in enumerate(names)}).fillna(len(names))
            for column, names in listed.items()
        }
    )
    place["seed"] = table["seed"]
    return table.loc[place.sort_values(list(place.columns), kind="stable").index]


def _trained(facts: dict[str, Any]) -> dict[str, Any]:
    return {"train_seconds": facts.get("train_seconds"), "epochs": facts.get("epochs")}


def _caveat(gains: pd.DataFrame) -> str:
    fewest = int(gains["n_slides"].min())
    return f" ({fewest} slides: intervals are descriptive)" if fewest < _DESCRIPTIVE else ""


def _gains(gains: pd.DataFrame) -> str:
    table = gains.assign(
        mean=gains["mean"].map("{:+.3f}".format),
        interval=[f"{g.low:+.3f} to {g.high:+.3f}" for g in gains.itertuples()],
        anchors=gains["anchors"].map("{:.3f}".format),
    ).rename(columns={"interval": "low to high"})
    shown = ["leave", "method", "less", "metric", "mean", "low to high", "slides", "anchors"]
    return markdown_table(table.set_index("encoder")[shown], index="encoder")
