"""Scores as one tidy table: a row for every slide, method, seed, group of genes and metric."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

COLUMNS = ("slide", "method", "seed", "group", "metric", "value")


def score_table(
    slides: Mapping[str, Mapping[str, Mapping[str, Any]]], *, seed: int = 0
) -> pd.DataFrame:
    """Return nested scores as a tidy table.

    Parameters
    ----------
    slides
        ``slides[slide][method]``: groups of metrics (``core``, ``global``, ``citations``), and
        numbers of the method as a whole (seconds, spots), which are of the group ``""``. Tables
        of genes are passed over.
    seed
        Seed of the run.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`; a metric that a method does not have has no row.

    Examples
    --------
    >>> score_table({"A": {"ridge": {"core": {"pcc_50": 0.5}}}}).values.tolist()
    [['A', 'ridge', 0, 'core', 'pcc_50', 0.5]]
    """
    rows = []
    for slide, methods in slides.items():
        for method, entry in methods.items():
            for group, metric, value in _numbers(entry):
                rows.append((slide, method, seed, group, metric, value))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _numbers(entry: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    found = []
    for key, value in entry.items():
        if isinstance(value, Mapping):
            found += [(key, metric, float(v)) for metric, v in value.items() if _is_number(v)]
        elif _is_number(value):
            found.append(("", key, float(value)))
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def melt_scores(runs: pd.DataFrame, *, slide: str, method: str, group: str) -> pd.DataFrame:
    """Return a table with a column per metric as a tidy one.

    Parameters
    ----------
    runs
        A row per method and seed.
    slide
        What all rows are of.
    method
        Column with names of methods; another with seeds is called ``seed``.
    group
        Name of the group of genes.
    """
    metrics = [name for name in runs if name not in (method, "seed")]
    tidy = runs.melt([method, "seed"], metrics, var_name="metric").rename(
        columns={method: "method"}
    )
    tidy = tidy.assign(slide=slide, group=group)[list(COLUMNS)]
    return tidy.dropna(subset="value").reset_index(drop=True)
