"""Cell types: maps of attention to each, and calibration of predicted distributions."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from spatialrag.escaping import figure_text
from spatialrag.explanation.types import attention_by_type
from spatialrag.plots.maps import plot_map
from spatialrag.prediction.prediction import Prediction
from spatialrag.replace import replace_file

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
    figure.suptitle(figure_text(f"{prediction.slide}: attention by cell type"))
    return figure


def save_attention(prediction: Prediction, path: str | Path) -> None:
    """Draw `plot_attention` into a file."""
    figure = plot_attention(prediction)
    with replace_file(path) as aside:
        figure.savefig(aside, dpi=130)
    plt.close(figure)


def plot_calibration(curves: Mapping[str, pd.DataFrame]) -> Figure:
    """Return a figure: given against predicted shares, a line per method.

    Parameters
    ----------
    curves
        By name, tables of `metrics.composition.calibration_curve`.
    """
    figure, ax = plt.subplots(figsize=(4.5, 4.5), layout="constrained")
    ax.plot([0, 1], [0, 1], color="0.7", linewidth=1, linestyle="--")
    for name, curve in curves.items():
        ax.plot(curve["predicted"], curve["given"], marker="o", markersize=4, label=name)
    ax.set(
        xlabel="predicted share of a type",
        ylabel="given share, mean of the bin",
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
    )
    ax.legend(frameon=False, fontsize=9)
    return figure


def save_calibration(curves: Mapping[str, pd.DataFrame], path: str | Path) -> None:
    """Draw `plot_calibration` into a file."""
    figure = plot_calibration(curves)
    with replace_file(path) as aside:
        figure.savefig(aside, dpi=130)
    plt.close(figure)
