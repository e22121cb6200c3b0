"""Scores of one slide's prediction against its measured expression."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from spatialrag.errors import InputError, listing
from spatialrag.evaluation.panel import Panel
from spatialrag.expression.normalize import to_scale
from spatialrag.expression.section import Section
from spatialrag.metrics.biology import gene_gene_agreement, marker_overlap, set_score_agreement
from spatialrag.metrics.expression import (
    errors,
    null_pcc_k,
    pcc_k,
    pearson_per_gene,
    spearman_per_gene,
    top_gene_overlap,
)
from spatialrag.metrics.spatial import morans_i, neighbor_weights
from spatialrag.prediction.prediction import Prediction

K = (10, 50, 200, 300, 1000, 2000, 3000, 5000)


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of one prediction.

    Parameters
    ----------
    summary
        ``{"core": {metric: value}, "global": {…}}`` with pcc_k (the paper's oracle ranking on the
        test slide), fixed_k (genes ranked by the references), mse, rmse, mae, rvd, spearman
        (mean over the group), pearson_spot and spearman_spot (over the group's genes, mean over
        spots), overlap_50 (of a spot's highest genes), moran_difference, moran_agreement,
        gene_gene, n_genes and n_constant.
    per_gene : pandas.DataFrame
        Index gene; pearson, spearman, moran_predicted, moran_measured, core.
    gene_sets
        Agreement of per-spot gene-set scores, when sets were given.
    markers
        Share of each region's measured markers found among its predicted ones, when regions were
        given.
    n_spots
        Spots scored: those with counts.
    """

    summary: dict[str, dict[str, float]]
    per_gene: pd.DataFrame
    gene_sets: dict[str, float]
    markers: dict[str, float]
    n_spots: int


def evaluate(
    prediction: Prediction,
    section: Section,
    *,
    panel: Panel,
    groups: Sequence[str] = ("core", "global"),
    gene_sets: dict[str, list[str]] | None = None,
    regions: np.ndarray | None = None,
) -> Scores:
    """Return the scores of a prediction against the measured section.

    Parameters
    ----------
    prediction
        On any scale that the section's expression can be put on.
    section
        Measured expression of the same slide; joined by spot name.
    panel
        Genes to score, from `fix_panel`. A gene the prediction lacks scores 0.
    groups
        ``core``, ``global`` or both.
    gene_sets
        Name to genes, e.g. from `spatialrag.metrics.biology.read_gmt`.
    regions : (n_spots,), optional
        A region name for each spot of the section, such as a pathologist's label.
    """
    measured = to_scale(
        section.expression, stored=section.scale, wanted=prediction.scale, totals=section.totals
    )
    rows, order = _join(prediction, section)
    columns = pd.Index(section.genes).get_indexer(panel.genes)
    if (columns < 0).any():
        raise InputError(
            f"section {section.slide!r} lacks genes of the panel",
            got=listing(panel.genes[columns < 0]),
            fix="fix the panel with the genes this section measured",
        )
    truth = measured[order][:, columns].toarray()
    values = prediction.of_genes(panel.genes)[rows]
    per_gene = _per_gene(values, truth, prediction.xy[rows], panel)
    summary = {group: _summarize(values, truth, per_gene, panel.groups[group]) for group in groups}
    agreement = {}
    if gene_sets and "global" in groups:
        agreement = set_score_agreement(np.nan_to_num(values), truth, panel.genes, gene_sets)
    overlap = {}
    if regions is not None:
        overlap = marker_overlap(np.nan_to_num(values), truth, np.asarray(regions)[order])
    return Scores(summary, per_gene, agreement, overlap, len(rows))


def _join(prediction: Prediction, section: Section) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of the prediction and of the section for every spot that has counts."""
    order = pd.Index(section.spots).get_indexer(prediction.spots)
    if (order < 0).all():
        raise InputError(
            f"no spot of the prediction is in section {section.slide!r}",
            expected=f"names such as {listing(section.spots, 3)}",
            got=listing(prediction.spots, 3),
        )
    rows = np.flatnonzero((order >= 0) & (section.totals[order] > 0))
    return rows, order[rows]


def _per_gene(values: np.ndarray, truth: np.ndarray, xy: np.ndarray, panel: Panel) -> pd.DataFrame:
    table = pd.DataFrame(index=pd.Index(panel.genes, name="gene"))
    table["pearson"] = pearson_per_gene(values, truth)
    table["spearman"] = spearman_per_gene(values, truth)
    if np.isfinite(xy).all():
        weights = neighbor_weights(xy)
        table["moran_predicted"] = morans_i(np.nan_to_num(values), weights)
        table["moran_measured"] = morans_i(truth, weights)
    table["core"] = np.arange(len(table)) < panel.n_core
    return table


def _summarize(
    values: np.ndarray, truth: np.ndarray, per_gene: pd.DataFrame, group: np.ndarray
) -> dict[str, float]:
    table = per_gene.iloc[group]
    r = table["pearson"].to_numpy()
    sizes = [k for k in K if k <= len(r)]
    summary = {f"pcc_{k}": pcc_k(r, k) for k in sizes}
    summary |= {f"fixed_{k}": float(r[:k].mean()) for k in sizes}
    summary |= errors(values[:, group], truth[:, group])
    summary["pcc_all"] = float(r.mean())
    summary["spearman"] = float(table["spearman"].mean())
    own, true = np.nan_to_num(values[:, group]).T, truth[:, group].T
    summary["pearson_spot"] = float(pearson_per_gene(own, true).mean())
    summary["spearman_spot"] = float(spearman_per_gene(own, true).mean())
    summary["overlap_50"] = top_gene_overlap(values[:, group], truth[:, group])
    if "moran_measured" in table:
        difference = table["moran_predicted"] - table["moran_measured"]
        summary["moran_difference"] = float(difference.mean())
        pair = table[["moran_predicted", "moran_measured"]].to_numpy()
        summary["moran_agreement"] = float(pearson_per_gene(pair[:, :1], pair[:, 1:])[0])
    top = group[: min(len(group), 300)]
    summary["gene_gene"] = gene_gene_agreement(np.nan_to_num(values[:, top]), truth[:, top])
    constant = np.ptp(np.nan_to_num(values[:, group]), axis=0) == 0
    summary["n_constant"] = int(constant.sum())
    summary["n_genes"] = len(group)
    return summary


def null_levels(n_spots: int, panel: Panel) -> dict[str, dict[str, float]]:
    """Return the PCC-k that a prediction independent of the truth reaches, by group."""
    return {
        name: {f"pcc_{k}": null_pcc_k(n_spots, len(group), k) for k in K if k <= len(group)}
        for name, group in panel.groups.items()
    }
