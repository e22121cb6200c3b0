"""What a cohort is like, beside what was predicted of it."""

import numpy as np
import pandas as pd

from spatialrag.bank.bank import Bank
from spatialrag.evaluation.panel import fix_panel
from spatialrag.metrics.expression import mean_coexpression
from spatialrag.workflow.recipe import Evaluation


def describe_cohort(bank: Bank, evaluation: Evaluation) -> pd.DataFrame:
    """Return a table of the slides.

    Parameters
    ----------
    bank
        All slides.
    evaluation
        Its number of core genes: here the most variable of all slides.

    Returns
    -------
    pandas.DataFrame
        Index slide; donor, spots, median counts per spot, and the mean correlation of pairs of core
        genes over the slide's spots, on log counts and on log1p_cp10k. The paper attributes its
        gain to correlated anchors; on log counts depth alone correlates them.
    """
    core = fix_panel(
        bank,
        bank.genes[bank.measured_everywhere],
        n_core=evaluation.n_core,
        n_global=evaluation.n_core,
    ).genes
    columns = bank.columns_of(core)
    scales = {scale: bank.on_scale(scale)[:, columns] for scale in ("log1p", "log1p_cp10k")}
    rows = {}
    for i, slide in enumerate(bank.slides.index):
        spots = np.flatnonzero((bank.slide_of == i) & ~bank.empty)
        row = {
            "donor": bank.slides.loc[slide, "donor"],
            "spots": len(spots),
            "median counts": float(bank.references["total_counts"].iloc[spots].median()),
        }
        for scale, values in scales.items():
            row[f"core genes' mean r, {scale}"] = mean_coexpression(values[spots].toarray())
        rows[slide] = row
    return pd.DataFrame(rows).T.infer_objects().rename_axis("slide")
