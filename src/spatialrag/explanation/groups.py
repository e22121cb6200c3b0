"""The citations of one value as a few groups: what each shows, weighs and measured."""

import numpy as np
import pandas as pd

REST = "the rest"
UNCITED = "uncited"
COLUMNS = (
    "references", "slides", "donors", "share", "contribution", "value_share", "mean", "spread",
    "typical",
)  # fmt: skip


def group_table(citations: pd.DataFrame, *, value: float, uncited: bool) -> pd.DataFrame:
    """Return one row per group of citations, heaviest first, then what belongs to none.

    Parameters
    ----------
    citations
        As in `spatialrag.Explanation`. Without a column ``group`` the table is empty.
    value
        What is explained, of which ``value_share`` is a share.
    uncited
        Whether a part of the value rests on no reference: it has a row of its own.

    Returns
    -------
    pandas.DataFrame
        By group: references (how many), slides ("C2 (12), C4 (5)"), donors (how many; 0 where
        unknown), share (of absolute weight; where weights have both signs also ``positive`` and
        ``negative``), contribution (to the value), value_share, mean and spread (standard
        deviation) of what members measured of the gene, typical (the member of largest weight).
    """
    if "group" not in citations:
        return pd.DataFrame(columns=list(COLUMNS)).rename_axis("group")
    named = citations[citations["group"] != REST]
    order = named.groupby("group", sort=False)["share"].sum().sort_values(ascending=False).index
    rows = {name: _row(citations[citations["group"] == name]) for name in order}
    left = citations[citations["group"] == REST]
    if len(left):
        rows[REST] = _row(left)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[*_signed(citations), *COLUMNS])
    if uncited:
        table.loc[UNCITED, "contribution"] = value - citations["contribution"].sum()
        table.loc[UNCITED, ["references", "donors", "share"]] = 0
        table.loc[UNCITED, ["slides", "typical"]] = ""
    table["value_share"] = table["contribution"] / value if value else np.nan
    table = table.astype({"references": int, "donors": int})
    return table.rename_axis("group")


def _signed(citations: pd.DataFrame) -> tuple[str, ...]:
    weight = citations["weight"]
    return ("positive", "negative") if (weight > 0).any() and (weight < 0).any() else ()


def _row(members: pd.DataFrame) -> dict[str, object]:
    slides = members["slide"].value_counts(sort=True)
    share, measured = members["share"], members["measured"].dropna()
    return {
        "references": len(members),
        "slides": ", ".join(f"{name} ({count})" for name, count in slides.items()),
        "donors": members["donor"].nunique() if "donor" in members else 0,
        "share": share.sum(),
        "positive": share[members["weight"] > 0].sum(),
        "negative": share[members["weight"] < 0].sum(),
        "contribution": members["contribution"].sum(),
        "mean": measured.mean() if len(measured) else np.nan,
        "spread": measured.std(ddof=0) if len(measured) else np.nan,
        "typical": members["reference"].iloc[0],
    }
