"""The report of an experiment as one page."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from spatialrag.plots import page
from spatialrag.plots.experiment import plot_bars, plot_gene_scatter, plot_pcc_against_k
from spatialrag.replace import replace_text
from spatialrag.workflow.results import SHOWN, Results

_CURVES = 8


def write_page(
    results: Results,
    path: Path,
    record: dict[str, Any],
    sweeps: Mapping[tuple[str, str], Figure] | None = None,
) -> None:
    """Write the report: the cohort, tables, bars, PCC against k, genes, gains, settings.

    Parameters
    ----------
    results
        What was found.
    path
        The HTML file.
    record
        Settings and environment.
    sweeps
        By encoder and what is left out, a figure of one gene at several image weights.
    """
    cohort = [page.table(results.cohort, index="slide"), page.legend([results.cohort])]
    sections = [("Cohort", cohort)]
    for encoder, leave in results.folds:
        parts = _fold(results, encoder, leave)
        if sweeps and (encoder, leave) in sweeps:
            parts.append(page.paragraph(_SWEEP, note=True))
            figure = sweeps[encoder, leave]
            parts.append(page.picture(figure, description="a gene at several image weights"))
        sections.append((f"{encoder}, {leave} left out", parts))
    gains = results.gains()
    if len(gains):
        parts = [page.paragraph(_CAVEAT, note=True)]
        shown = gains.drop(columns=["n_slides"]).set_index("method")
        parts += [page.table(shown, index="method"), page.legend([shown])]
        sections.append(("What GeneRAG adds, paired by slide", parts))
    settings = json.dumps(record, indent=1)
    sections.append(("Settings and environment", [page.preformatted(settings)]))
    replace_text(path, page.page(results.recipe.title, sections))


_SWEEP = (
    "One gene that no backbone was trained on, at several image weights (linear backbone): the "
    "best predicted of its kind, not a usual one."
)
_CAVEAT = (
    "Mean difference over slides, and how far it goes with the slides that happened to be drawn: "
    "descriptive below six."
)


def _fold(results: Results, encoder: str, leave: str) -> list[str]:
    mean = results.mean(encoder, leave)
    tables = [results.summary(encoder, leave)]
    parts = [page.table(tables[0], index="mean over slides")]
    for group in SHOWN:
        tables.append(mean.filter(regex=f"^{group} ").dropna(how="all"))
        parts.append(page.table(tables[-1], index=f"{group} genes, mean over slides"))
    parts.append(page.legend(tables))
    if results.surrogates_note:
        parts.append(page.paragraph(results.surrogates_note, note=True))
    for metric in (results.headline("core"), results.headline("global")):
        wide = results.by_slide(encoder, leave, metric)
        figure = plot_bars(wide, metric=metric)
        parts.append(page.picture(figure, description=f"{metric} of every method"))
    return parts + _genes(results, mean, (encoder, leave, str(wide.columns[0])))


def _genes(results: Results, mean: pd.DataFrame, fold: tuple[str, str, str]) -> list[str]:
    """Return PCC against k, and genes of the best GeneRAG against its backbone, of one slide."""
    found = {method: value for (*key, method), value in results.genes.items() if tuple(key) == fold}
    ranked = mean[results.headline("global")].dropna().sort_values(ascending=False).index
    curves = {m: found[m][1] for m in list(ranked)[:_CURVES] if m in found}
    parts = [page.paragraph(f"Slide {fold[2]}", note=True)]
    parts.append(page.picture(plot_pcc_against_k(curves), description="PCC against k"))
    over = [m for m in mean.index if m.endswith("+generag") and m in found]
    if over:
        best = max(over, key=lambda m: float(mean.loc[m, results.headline("core")]))
        alone = best.removesuffix("+generag")
        first = pd.Series(found[alone][1], found[alone][0])
        second = pd.Series(found[best][1], found[best][0])
        shared = first.index[found[alone][2]].intersection(second.index)
        r = [np.nan_to_num(series[shared].to_numpy()) for series in (first, second)]
        figure = plot_gene_scatter(r[0], r[1], (alone, best))
        parts.append(page.picture(figure, description=f"{alone} against {best}, by gene"))
    return parts
