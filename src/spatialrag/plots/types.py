"""Maps of attention: where references of each cell type carry the prediction."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from spatialrag.explanation.types import attention_by_type
from spatialrag.plots.maps import plot_map
from spatialrag.prediction.prediction import Prediction

_COLUMNS = 4


def plot_attention(prediction: Prediction) -> Figure:
    """Return a figure: a map of attention per cell type, each from 0 to its largest weight."""
    table = attention_by_type(prediction)
    rows = -(-table.shape[1] // _COLUMNS)
    figure, axes = plt.subplots(
        rows,
        min(_COLUMNS, table.shape[1]),
        figsize=(3 * min(_COLUMNS, table.shape[1]), 3 * rows),
        layout="constrained",
        squeeze=False,
    )
    for ax, name in zip(axes.ravel(), table.columns, strict=False):
        values = table[name].to_numpy()
        limits = (0.0, max(float(np.max(values)), 1e-9))
        title = f"{name}, mean {values.mean():.0%}"
        plot_map(values, prediction.xy, title=title, limits=limits, ax=ax)
    for ax in axes.ravel()[table.shape[1] :]:
        ax.set_axis_off()
    figure.suptitle(f"{prediction.slide}: attention by cell type")
    return figure


def save_attention(prediction: Prediction, path: str | Path) -> None:
    """Draw `plot_attention` into a file."""
    figure = plot_attention(prediction)
    figure.savefig(path, dpi=130)
    plt.close(figure)
