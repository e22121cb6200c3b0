"""Scores of one slide's prediction against its measured expression."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse, stats

from spatialrag.errors import InputError, listing
from spatialrag.evaluation.panel import Panel
from spatialrag.evaluation.second_truth import SecondTruth
from spatialrag.expression.normalize import to_scale
from spatialrag.expression.section import Section
from spatialrag.metrics.biology import gene_gene_agreement, marker_overlap, set_score_agreement
from spatialrag.metrics.depth import partial_pearson_per_gene
from spatialrag.metrics.expression import (
    errors,
    fill_missing,
    is_constant,
    null_pcc_k,
    pcc_k,
    pearson_per_gene,
    spearman_per_gene,
    top_gene_overlap,
)
from spatialrag.metrics.spatial import morans_i, neighbor_weights
from spatialrag.metrics.surrogates import (
    FEWEST_SPOTS,
    Surrogates,
    pooled_p_values,
    surrogates_of,
)
from spatialrag.prediction.prediction import Prediction

K = (10, 50, 200, 300, 1000, 2000, 3000, 5000)
FALSE_DISCOVERIES = 0.05


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of one prediction.

    Parameters
    ----------
    summary
        ``{"core": {metric: value}, "global": {…}}`` with pcc_k (the paper's oracle ranking on the
        test slide), fixed_k (genes ranked by the references), mse, rmse, mae, rvd, spearman
        (mean over the group), pearson_spot and spearman_spot (over the group's genes, mean over
        spots), partial_all (r given the measured depth), residual_all (r with Pearson residuals)
        and ceiling_share (of the noise ceiling, with a second truth), overlap_50 (of a spot's
        highest genes; its _chance and the _best possible), moran_difference, moran_agreement,
        gene_gene, n_genes, n_constant and missing_share. With surrogates: null_smooth_pcc_k (what
        they reach on average), n_above_null and share_above_null. `spatialrag.evaluation.columns`
        has a line on each.
    per_gene : pandas.DataFrame
        Index gene; pearson, partial, spearman, moran_predicted, moran_measured, core; with a second
        truth residual, ceiling; with surrogates
        p_smooth, and q_smooth over all genes scored (Benjamini-Hochberg).
    gene_sets
        Agreement of per-spot gene-set scores, when sets were given.
    markers
        Share of each region's measured markers found among its predicted ones, when regions were
        given.
    n_spots
        Spots scored: those with counts.
    n_surrogate_spots
        Of these, how many the surrogates are of; None without any.

    Examples
    --------
    >>> panel = sr.fix_panel(bank, sections[3].genes, n_core=50, n_global=200)
    >>> scores = sr.evaluate(prediction, sections[3], panel=panel)
    >>> scores.per_gene.shape[0]
    200
    """

    summary: dict[str, dict[str, float]]
    per_gene: pd.DataFrame
    gene_sets: dict[str, float]
    markers: dict[str, float]
    n_spots: int
    n_surrogate_spots: int | None = None

    @property
    def entry(self) -> dict[str, Any]:
        """The summary with the numbers of spots: a method's entry in a report."""
        numbers = {"n_spots": self.n_spots}
        if self.n_surrogate_spots is not None:
            numbers["n_surrogate_spots"] = self.n_surrogate_spots
        return self.summary | numbers


def evaluate(
    prediction: Prediction,
    section: Section,
    *,
    panel: Panel,
    groups: Sequence[str] = ("core", "global"),
    gene_sets: dict[str, list[str]] | None = None,
    regions: np.ndarray | None = None,
    surrogates: Surrogates | None = None,
    second: SecondTruth | None = None,
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
    surrogates
        From `surrogates_for` of this section, to say how many genes are above maps as smooth as
        the predicted ones.
    second
        From `spatialrag.evaluation.second_truth.second_truth` of this section and panel.

    Raises
    ------
    InputError
        No spot in common, or none with counts; genes of the panel that were not measured;
        surrogates of other spots.

    Examples
    --------
    >>> panel = sr.fix_panel(bank, sections[3].genes, n_core=50, n_global=200)
    >>> scores = sr.evaluate(prediction, sections[3], panel=panel)
    >>> scores.summary["core"]["pcc_50"] > 0
    True
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
    values = prediction.values_of(panel.genes)[rows]
    filled = fill_missing(values)
    per_gene = _per_gene(values, truth, prediction.xy[rows], panel)
    depth = np.log1p(section.totals[order].astype(np.float64))
    per_gene["partial"] = partial_pearson_per_gene(values, truth, depth)
    if second is not None:
        per_gene["residual"] = pearson_per_gene(values, second.residuals[order])
        per_gene["ceiling"] = second.ceiling
    wanted = {group: panel.groups[group] for group in groups}
    summary = {name: _summarize(values, truth, per_gene, genes) for name, genes in wanted.items()}
    if surrogates is not None:
        for name, found in _against_smooth(filled, truth, per_gene, wanted, surrogates).items():
            summary[name] |= found
    agreement = {}
    if gene_sets and "global" in groups:
        agreement = set_score_agreement(filled, truth, panel.genes, gene_sets)
    overlap = {}
    if regions is not None:
        overlap = marker_overlap(filled, truth, np.asarray(regions)[order])
    n_used = None if surrogates is None else len(surrogates.spots)
    return Scores(summary, per_gene, agreement, overlap, len(rows), n_used)


def measured_beside(
    prediction: Prediction, section: Section, gene: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return one gene as predicted and as measured, on the prediction's scale.

    Parameters
    ----------
    prediction
        Of the slide.
    section
        Measured expression of the same slide; joined by spot name.
    gene
        Name.

    Returns
    -------
    rows : (n,)
        Spots of the prediction that were measured and have counts.
    predicted, measured : (n,)

    Raises
    ------
    InputError
        No spot in common, or a gene that the section did not measure.
    """
    column = np.flatnonzero(section.genes == gene)
    if not len(column):
        raise InputError(f"section {section.slide!r} did not measure the gene {gene!r}")
    rows, order = _join(prediction, section)
    measured = to_scale(
        section.expression[order][:, column],
        stored=section.scale,
        wanted=prediction.scale,
        totals=section.totals[order],
    )
    predicted = prediction.values_of(np.array([gene]))[rows, 0]
    return rows, predicted, sparse.csr_matrix(measured).toarray().ravel()


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
    if len(rows) == 0:
        raise InputError(
            f"nothing can be scored on section {section.slide!r}",
            expected="spots with counts among those predicted",
            got=f"{(order >= 0).sum()} spots, all without counts",
        )
    return rows, order[rows]


def surrogates_for(prediction: Prediction, section: Section) -> Surrogates | None:
    """Return what surrogates of any prediction of these spots share.

    None where places are unknown, all the same, or fewer than ten.
    """
    xy = prediction.xy[_join(prediction, section)[0]]
    if len(xy) < FEWEST_SPOTS or not np.isfinite(xy).all() or (xy == xy[0]).all():
        return None
    return surrogates_of(xy)


def _per_gene(values: np.ndarray, truth: np.ndarray, xy: np.ndarray, panel: Panel) -> pd.DataFrame:
    table = pd.DataFrame(index=pd.Index(panel.genes, name="gene"))
    table["pearson"] = pearson_per_gene(values, truth)
    table["spearman"] = spearman_per_gene(values, truth)
    if np.isfinite(xy).all():
        weights = neighbor_weights(xy)
        table["moran_predicted"] = morans_i(fill_missing(values), weights)
        table["moran_measured"] = morans_i(truth, weights)
    table["core"] = np.arange(len(table)) < panel.n_core
    return table


def _summarize(
    values: np.ndarray, truth: np.ndarray, per_gene: pd.DataFrame, group: np.ndarray
) -> dict[str, float]:
    table, own, true = per_gene.iloc[group], values[:, group], truth[:, group]
    r = table["pearson"].to_numpy()
    sizes = [k for k in K if k <= len(r)]
    summary = {f"fixed_{k}": float(r[:k].mean()) for k in sizes}
    summary |= {f"pcc_{k}": pcc_k(r, k) for k in sizes}
    summary |= errors(own, true)
    summary["pcc_all"] = float(r.mean())
    for name in ("partial", "residual"):
        if name in table:
            summary[f"{name}_all"] = float(table[name].mean())
    if "ceiling" in table and table["ceiling"].mean() > 0:
        summary["ceiling_share"] = float(r.mean() / table["ceiling"].mean())
    summary["spearman"] = float(table["spearman"].mean())
    summary["pearson_spot"] = float(pearson_per_gene(own.T, true.T).mean())
    summary["spearman_spot"] = float(spearman_per_gene(own.T, true.T).mean())
    summary["overlap_50"] = top_gene_overlap(own, true)
    summary["overlap_50_chance"] = min(50, len(group)) / len(group)
    summary["overlap_50_best"] = top_gene_overlap(true, true)
    if "moran_measured" in table:
        difference = table["moran_predicted"] - table["moran_measured"]
        summary["moran_difference"] = float(difference.mean())
        pair = table[["moran_predicted", "moran_measured"]].to_numpy()
        summary["moran_agreement"] = float(pearson_per_gene(pair[:, :1], pair[:, 1:])[0])
    summary["gene_gene"] = gene_gene_agreement(fill_missing(own[:, :300]), true[:, :300])
    summary["missing_share"] = float(np.isnan(own).mean())
    summary["n_constant"] = int(is_constant(own).sum())
    summary["n_genes"] = len(group)
    return summary


def _against_smooth(
    filled: np.ndarray,
    truth: np.ndarray,
    per_gene: pd.DataFrame,
    groups: dict[str, np.ndarray],
    surrogates: Surrogates,
) -> dict[str, dict[str, float]]:
    """Return by group what surrogates reach and how many genes are above; p, q join ``per_gene``.

    All genes scored are pooled for the p-values; the rate of false discoveries is controlled within
    each group.
    """
    scored = np.unique(np.concatenate(list(groups.values())))
    null = surrogates.correlations(filled[:, scored], truth[:, scored])
    spots = surrogates.spots
    r = pearson_per_gene(filled[np.ix_(spots, scored)], truth[np.ix_(spots, scored)])
    p = np.full(len(per_gene), np.nan)
    p[scored] = pooled_p_values(r, null)
    per_gene["p_smooth"], per_gene["q_smooth"] = p, np.nan
    per_gene.iloc[scored, -1] = stats.false_discovery_control(p[scored])
    found = {}
    for name, genes in groups.items():
        best = -np.sort(-null[:, np.searchsorted(scored, genes)], axis=1)
        levels = {f"null_smooth_pcc_{k}": float(best[:, :k].mean()) for k in K if k <= len(genes)}
        above = stats.false_discovery_control(p[genes]) <= FALSE_DISCOVERIES
        found[name] = levels | {
            "n_above_null": int(above.sum()),
            "share_above_null": float(above.mean()),
        }
    return found


def ceiling_levels(second: SecondTruth, panel: Panel) -> dict[str, dict[str, float]]:
    """Return what one half of the counts reaches on the other, by group: the noise ceiling."""
    found = {}
    for name, group in panel.groups.items():
        r = second.ceiling[group]
        sizes = [k for k in K if k <= len(r)]
        found[name] = {f"fixed_{k}": float(r[:k].mean()) for k in sizes}
        found[name] |= {f"pcc_{k}": pcc_k(r, k) for k in sizes}
        found[name]["pcc_all"] = float(r.mean())
    return found


def null_levels(n_spots: int, panel: Panel) -> dict[str, dict[str, float]]:
    """Return the PCC-k that a prediction reaches whose spots are independent of all, by group."""
    return {
        name: {f"pcc_{k}": null_pcc_k(n_spots, len(group), k) for k in K if k <= len(group)}
        for name, group in panel.groups.items()
    }


def smooth_levels(entries: dict[str, dict]) -> dict[str, dict[str, float]]:
    """Return the PCC-k that random maps as smooth as the first method's reach, by group.

    Parameters
    ----------
    entries
        By method, groups of metrics; those that were compared have ``null_smooth_pcc_k``. Without
        any, the result is empty.
    """
    prefix = "null_smooth_"
    for entry in entries.values():
        levels = {
            group: {key.removeprefix(prefix): entry[group][key] for key in found}
            for group in ("core", "global")
            if (found := [key for key in entry.get(group, {}) if key.startswith(prefix)])
        }
        if levels:
            return levels
    return {}
