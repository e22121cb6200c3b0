"""What each column of a table is, which way is good, and how its values print: one place for all.

A heading is a metric's key in the JSON files, so that tables and files can be read together.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

_SPREAD = ", over seeds"


@dataclass(frozen=True)
class Column:
    """One column.

    Parameters
    ----------
    what
        A sentence's part that says what it is.
    good
        ``higher``, ``lower`` or ``near 0``; empty where neither is good or bad.
    counts
        It counts something: whole numbers print as such, means over slides with one decimal.
    """

    what: str
    good: str = ""
    counts: bool = False


_EXPRESSION = {
    "fixed_k": Column(
        "Pearson's r over spots, mean over the k genes most variable in the references: which they "
        "are was fixed beforehand",
        "higher",
    ),
    "pcc_k": Column(
        "Pearson's r over spots, mean over the k genes where it is highest on the measured slide "
        "itself: even noise is above 0 (unless k is all genes), so compare it with null_smooth",
        "higher",
    ),
    "pcc_all": Column("Pearson's r over spots, mean over all genes of the table", "higher"),
    "pcc_all_seen": Column(
        "Pearson's r over spots, mean over the genes given to retrieval", "higher"
    ),
    "pcc_all_unseen": Column(
        "Pearson's r over spots, mean over genes that no part of the method was trained on",
        "higher",
    ),
    "partial_all": Column(
        "Pearson's r over spots given the measured depth, mean over all genes of the table: what "
        "depth does not explain",
        "higher",
    ),
    "residual_all": Column(
        "Pearson's r over spots with analytic Pearson residuals of the counts (theta 100), mean "
        "over all genes of the table",
        "higher",
    ),
    "ceiling_share": Column(
        "pcc_all as a share of what one half of the counts reaches on the other", "higher"
    ),
    "null_smooth_pcc_k": Column(
        "pcc_k that random maps as smooth as the row's predicted ones reach: the bar for its pcc_k"
    ),
    "n_above_null": Column(
        "genes that follow the truth more than random maps as smooth as the predicted ones do "
        "(false discovery rate 5 %)",
        "higher",
        counts=True,
    ),
    "share_above_null": Column("n_above_null as a share of the genes", "higher"),
    "spearman": Column("Spearman's rank correlation over spots, mean over genes", "higher"),
    "pearson_spot": Column("Pearson's r over genes, mean over spots", "higher"),
    "spearman_spot": Column("Spearman's rank correlation over genes, mean over spots", "higher"),
    "mse": Column("mean squared error of the predicted values", "lower"),
    "rmse": Column("square root of mse", "lower"),
    "mae": Column("mean absolute error of the predicted values", "lower"),
    "rvd": Column(
        "relative variance distance: (predicted variance / measured - 1)², mean over genes; 1 for "
        "constant predictions",
        "lower",
    ),
    "overlap_50": Column(
        "share of a spot's 50 highest genes that are predicted highest, mean over spots", "higher"
    ),
    "overlap_50_chance": Column("what overlap_50 is for genes in random order"),
    "overlap_50_best": Column(
        "the highest overlap_50 possible: below 1 where measured values are tied"
    ),
    "gene_gene": Column(
        "Pearson's r between predicted and measured gene-gene correlations (first 300 genes)",
        "higher",
    ),
    "moran_difference": Column(
        "Moran's I (smoothness) predicted less measured, mean over genes; above 0: too smooth",
        "near 0",
    ),
    "moran_agreement": Column(
        "Pearson's r over genes of predicted and measured Moran's I (smoothness)", "higher"
    ),
    "gene_set_agreement": Column(
        "Pearson's r over spots of predicted and measured gene-set scores, mean over sets", "higher"
    ),
    "missing_share": Column("share of the values without a prediction", "lower"),
    "n_constant": Column("genes predicted constant or missing; they score 0", "lower", counts=True),
    "n_genes": Column("genes scored", counts=True),
    "n_hidden": Column("genes hidden in training, and scored", counts=True),
    "markers found": Column(
        "share of the region's 20 measured markers among its predicted ones", "higher"
    ),
}
_CITATIONS = {
    "n_active": Column("references cited per spot, mean", counts=True),
    "effective_number": Column(
        "references a spot really rests on, mean: 1 / sum of squared shares of weight", counts=True
    ),
    "uncited_share": Column("share of the prediction that rests on no reference", "lower"),
    "five_share": Column("share of the spots with five citations or more: only they are compared"),
    "deletion_top": Column(
        "loss of mean core r when each spot's five strongest citations are struck out; "
        "well above deletion_random if they matter",
        "higher",
    ),
    "deletion_random": Column("the same for five citations drawn at random"),
}
_CITATIONS |= {
    f"{kind}_{which}": Column(f"{what} {whose}")
    for kind, what in (
        ("morphology", "cosine of a spot's image vector with those of"),
        ("expression", "Pearson's r over core genes of a spot's measured expression with that of"),
    )
    for which, whose in (
        ("cited", "its five strongest citations; good if well above the next two"),
        ("random", "five random references"),
        ("same_depth", "five random references of the same depth"),
    )
}
_DOMAINS = {
    "ari": Column(
        "adjusted Rand index of found and annotated domains; 0 is chance, 1 is identity", "higher"
    ),
    "nmi": Column("normalized mutual information of found and annotated domains", "higher"),
    "accuracy": Column("share of spots right after the best one-to-one matching", "higher"),
    "f1_macro": Column("F1 score after that matching, mean over annotated domains", "higher"),
    "f1_weighted": Column(
        "F1 score after that matching, mean weighted by the domains' sizes", "higher"
    ),
    "oracle": Column("ari at the epoch that the annotation chose: no score, for comparison alone"),
    "n_scored": Column("spots with an annotation", counts=True),
    "n_domains": Column("domains found", counts=True),
    "seeds": Column("random starts; ± is the standard deviation over them", counts=True),
}
_EXPERIMENT = {
    "encoder": Column("what turned patches into vectors"),
    "leave": Column("what was left out of the references together: slide or donor"),
    "less": Column("what is subtracted"),
    "metric": Column("the metric compared"),
    "mean": Column("mean over slides of the method's metric less the other's", "higher"),
    "low": Column("2.5 % of means over slides drawn with replacement; above 0: a gain on average"),
    "high": Column("97.5 % of them; descriptive below six slides"),
    "slides": Column("the difference on each slide"),
    "anchors": Column("the backbone's own mean correlation on its core genes"),
    "donor": Column("person or animal"),
    "spots": Column("spots with counts", counts=True),
    "median counts": Column("median of counts per spot", counts=True),
    "core genes' mean r, log1p": Column(
        "mean correlation of pairs of core genes over spots on log counts: depth raises it"
    ),
    "core genes' mean r, log1p_cp10k": Column("the same with depth divided out"),
    "seconds": Column("time taken, in seconds"),
    "image_weight": Column("weight of the images in retrieval, from 0 to 1"),
    "strength": Column("strength of the penalty in retrieval"),
}
COLUMNS = _EXPRESSION | _CITATIONS | _DOMAINS | _EXPERIMENT

ORACLE = "depth_oracle"
ROWS = {
    ORACLE: "not a method: each spot's measured depth as the map of every gene. What is below it, "
    "depth alone could explain",
    "noise_ceiling": "no method: one half of the measured counts against the other, mean of five "
    "random splits",
    "null_smooth": "no method: random maps as smooth as those of the first method after "
    "depth_oracle. What smoothness alone reaches",
    "null": "no method: maps whose spots are independent of each other. Too low a bar for smooth "
    "maps",
}


def family(heading: str) -> str:
    """Return the key in `COLUMNS` of a heading such as ``core pcc_300, over seeds``."""
    name = heading.removesuffix(_SPREAD)
    if name in COLUMNS:
        return name
    name = re.sub("^(core|global) ", "", name)
    return name if name in COLUMNS else re.sub(r"_\d+$", "_k", name)


def column(heading: str) -> Column | None:
    """Return what is known of a heading; None for one that is no metric."""
    return COLUMNS.get(family(heading))


def legend(tables: Iterable[pd.DataFrame]) -> dict[str, str]:
    """Return a line on each kind of column of tables, and on their rows that are no methods."""
    tables = list(tables)
    headings = [str(heading) for table in tables for heading in table.columns]
    lines = {
        family(heading): known.what + _good(known)
        for heading in headings
        if (known := column(heading)) is not None
    }
    if any(heading.endswith(_SPREAD) for heading in headings):
        lines["over seeds"] = "standard deviation over random starts of the mean over slides"
    rows = {name for table in tables for name in table.index}
    return lines | {row: text for row, text in ROWS.items() if row in rows}


def _good(known: Column) -> str:
    if known.good in ("higher", "lower"):
        return f"; {known.good} is better"
    return f"; {known.good} is best" if known.good else ""


def markdown_legend(lines: dict[str, str]) -> str:
    """Return a legend as a Markdown list."""
    return "\n".join(f"- `{name}`: {text}." for name, text in lines.items())


def cell(value: object, heading: str = "", *, absent: str = "–") -> str:
    """Return a value as it prints under a heading.

    Numbers have three decimals; counts none, or one where they are means.
    """
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return absent
    if not isinstance(value, (float, np.floating)):
        return str(value)
    known = None if heading.endswith(_SPREAD) else column(heading)
    if known is None or not known.counts:
        return f"{value:.3f}"
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.1f}"


def texts(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table as it prints: headings, index and values as text."""
    columns = {
        str(heading): [cell(value, str(heading)) for value in table[heading]] for heading in table
    }
    return pd.DataFrame(columns, index=table.index.map(str))


def oracle_first(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the row of measured depth first, the bar beside every headline."""
    if ORACLE not in table.index:
        return table
    return table.loc[[ORACLE, *(name for name in table.index if name != ORACLE)]]
