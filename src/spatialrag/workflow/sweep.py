"""The paper's picture: one unseen gene, measured, and predicted at several image weights."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from spatialrag.evaluation.loso import references_for
from spatialrag.evaluation.panel import fix_panel
from spatialrag.metrics.expression import pearson_per_gene
from spatialrag.plots.maps import plot_map
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.workflow.units import ExperimentInputs

IMAGE_WEIGHTS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)


def plot_sweep(material: ExperimentInputs, *, leave: str, slide: str) -> Figure:
    """Return a figure: the measured gene, then GeneRAG at each image weight.

    The gene is the one that the linear backbone's retrieval predicts best on the slide among those
    no backbone was trained on: a picture of what is possible, not of what is usual.

    Parameters
    ----------
    material
        Inputs of the experiment.
    leave, slide
        The fold.
    """
    evaluation, bank = material.recipe.evaluation, material.bank
    references = references_for(bank, slide, leave=leave)
    test = bank.select([slide])
    panel = fix_panel(
        references,
        test.genes[test.measured_everywhere],
        n_core=evaluation.n_core,
        n_global=evaluation.n_global,
    )
    genes = panel.genes[panel.n_core :] if len(panel.genes) > panel.n_core else panel.genes
    truth = test.on_scale(evaluation.scale)[:, test.columns_of(genes)].toarray()
    queries, seen = test.embeddings_of(slide), ~test.empty
    method = GeneRAG(scale=evaluation.scale, n_anchors=evaluation.n_core)
    fitted, columns = method.fit(references), references.columns_of(genes)
    grid = [replace(method, image_weight=weight) for weight in IMAGE_WEIGHTS]
    maps = {}
    for weight, solution in zip(IMAGE_WEIGHTS, fitted.solutions(queries, grid), strict=True):
        citations = fitted.cite(solution)
        values = np.nan_to_num(fitted.expression(citations)[:, columns])
        maps[weight] = (values, pearson_per_gene(values[seen], truth[seen]))
    best = int(np.argmax(maps[method.image_weight][1]))
    drawn = {f"{genes[best]} measured": truth[:, best]}
    for weight, (values, r) in maps.items():
        drawn[f"w = {weight:g}, r = {r[best]:.2f}"] = values[:, best]
    return _draw(drawn, queries.xy)


def _draw(maps: dict[str, np.ndarray], xy: np.ndarray) -> Figure:
    figure, axes = plt.subplots(
        1, len(maps), figsize=(2.3 * len(maps), 2.5), layout="constrained", squeeze=False
    )
    for ax, (title, values) in zip(axes[0], maps.items(), strict=True):
        plot_map(values, xy, title=title, colorbar=False, ax=ax)
        ax.title.set_fontsize(9)
    return figure
