"""Expression maps on tissue."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

from spatialrag.errors import InputError
from spatialrag.expression.normalize import Scale
from spatialrag.slides.spots import spot_pitch


def plot_map(
    values: np.ndarray,
    xy: np.ndarray,
    *,
    title: str = "",
    limits: tuple[float, float] | None = None,
    cmap: str = "viridis",
    colorbar: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw one value per spot at its place.

    Parameters
    ----------
    values : (n_spots,)
        NaN is drawn in grey.
    xy : (n_spots, 2)
        Spot centres, pixels; y points down.
    limits
        Ends of the colour scale; the 1st and 99th percentile by default.
    """
    if not np.isfinite(xy).all():
        raise InputError("spots without positions cannot be drawn")
    ax = ax or plt.subplots(figsize=(4, 4))[1]
    finite = values[np.isfinite(values)]
    if limits is None:
        limits = tuple(np.percentile(finite, [1, 99])) if len(finite) else (0.0, 1.0)
    missing = ~np.isfinite(values)
    size = marker_size(xy, ax)
    ax.scatter(xy[missing, 0], xy[missing, 1], s=size, c="0.85", linewidths=0)
    drawn = ax.scatter(
        xy[~missing, 0],
        xy[~missing, 1],
        s=size,
        c=values[~missing],
        cmap=cmap,
        vmin=limits[0],
        vmax=limits[1],
        linewidths=0,
    )
    ax.set(title=title, aspect="equal", xticks=[], yticks=[])
    ax.invert_yaxis()
    if colorbar:
        _add_colorbar(drawn, ax)
    return ax


def plot_pair(
    predicted: np.ndarray,
    measured: np.ndarray,
    xy: np.ndarray,
    *,
    gene: str,
    r: float,
    scale: Scale,
    axes: tuple[Axes, Axes] | None = None,
) -> tuple[Axes, Axes]:
    """Draw measured beside predicted expression of one gene; each map has its own colour scale."""
    if axes is None:
        axes = tuple(plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")[1])
    plot_map(measured, xy, title=f"{gene} measured ({scale})", ax=axes[0])
    plot_map(predicted, xy, title=f"{gene} predicted, r = {r:.2f}", ax=axes[1])
    return axes


def marker_size(xy: np.ndarray, ax: Axes) -> float:
    """Return a marker area (points²) that nearly fills the spot grid."""
    span = np.ptp(xy, axis=0).max()
    pitch = spot_pitch(xy) if len(xy) > 1 else 1.0
    inches = ax.get_position().width * ax.figure.get_figure(root=True).get_size_inches()[0]
    return float(np.clip((0.8 * inches * 72 * pitch / max(span, 1e-9)) ** 2, 1, 400))


def _add_colorbar(drawn: ScalarMappable, ax: Axes) -> None:
    ax.figure.colorbar(drawn, ax=ax, shrink=0.7, pad=0.02)
