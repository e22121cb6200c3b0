"""Pictures of predictions, by gene and by spot."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spatialrag.explanation.explanation import explain
from spatialrag.plots.citations import plot_citations
from spatialrag.plots.maps import plot_map
from spatialrag.prediction.prediction import Prediction


def gene(prediction: Prediction, name: str, *, ax: Axes | None = None) -> Axes:
    """Draw the predicted map of one gene."""
    values = prediction.expression[:, prediction.position_of(gene=name)]
    return plot_map(values, prediction.xy, title=f"{name} ({prediction.scale})", ax=ax)


def citations(prediction: Prediction, *, spot: str, gene: str, n: int = 5) -> Figure:
    """Draw a query patch beside its strongest references."""
    return plot_citations(explain(prediction, spot=spot, gene=gene), n=n)


def references_per_spot(prediction: Prediction, *, ax: Axes | None = None) -> Axes:
    """Draw how many references each spot rests on, by their effective number."""
    effective = prediction.require_citations().effective_number
    ax = ax or plt.subplots(figsize=(4, 4))[1]
    return plot_map(effective, prediction.xy, title="effective references", cmap="magma", ax=ax)
