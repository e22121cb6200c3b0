"""Expression maps on tissue."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from spatialrag.errors import InputError
from spatialrag.escaping import figure_text
from spatialrag.expression.normalize import Scale
from spatialrag.plots.tissue import draw_scale_bar, draw_spots, draw_tissue, frame_spots
from spatialrag.prediction.prediction import TissuePicture
from spatialrag.slides.spots import spot_pitch

Limits = tuple[float, float]


def plot_map(
    values: np.ndarray,
    xy: np.ndarray,
    *,
    title: str = "",
    limits: Limits | None = None,
    cmap: str = "viridis",
    colorbar: bool = True,
    tissue: TissuePicture | None = None,
    mpp: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one value per spot at its place, over the slide where its picture is given.

    Parameters
    ----------
    values : (n_spots,)
        NaN is drawn in grey.
    xy : (n_spots, 2)
        Spot centres, pixels; y points down.
    title
        Above the map.
    limits
        Ends of the colour scale; the 1st and 99th percentile by default.
    cmap
        A colour map of matplotlib; the default is safe for the colour-blind.
    colorbar
        Whether the scale is drawn.
    tissue
        Picture of the slide, drawn dimmed under the spots.
    mpp
        µm per pixel, for a scale bar; none when absent.
    ax
        Where to draw; a new figure when absent.

    Raises
    ------
    InputError
        Spots without positions.
    """
    if not np.isfinite(xy).all():
        raise InputError("spots without positions cannot be drawn")
    ax = ax or plt.subplots(figsize=(4, 4))[1]
    if limits is None:
        limits = limits_of(values)
    missing = ~np.isfinite(values)
    diameter = None
    if tissue is not None:
        draw_tissue(ax, tissue)
        diameter = tissue.spot_px
    elif len(xy) > 1:
        diameter = 0.8 * spot_pitch(xy)
    if missing.any():
        draw_spots(ax, xy[missing], None, diameter=diameter)
    drawn = draw_spots(
        ax, xy[~missing], values[~missing], diameter=diameter, cmap=cmap, limits=limits
    )
    frame_spots(ax, xy)
    ax.set_title(figure_text(title), fontsize=9)
    if mpp:
        draw_scale_bar(ax, mpp)
    if colorbar:
        ax.figure.colorbar(drawn, ax=ax, shrink=0.7, pad=0.02)
    return ax


def plot_pair(
    predicted: np.ndarray,
    measured: np.ndarray,
    xy: np.ndarray,
    *,
    gene: str,
    r: float,
    scale: Scale,
    standardized: bool = False,
    tissue: TissuePicture | None = None,
    mpp: float | None = None,
    axes: tuple[Axes, Axes] | None = None,
) -> tuple[Axes, Axes]:
    """Draw measured beside predicted expression of one gene, on one colour scale.

    Parameters
    ----------
    predicted, measured : (n_spots,)
        On the scale ``scale``.
    xy : (n_spots, 2)
        Spot centres, pixels.
    gene, r, scale
        For the titles: its name, the correlation of both maps, what the values are.
    standardized
        Each map less its mean in units of its standard deviation: compares where, not how much.
    tissue, mpp
        As in `plot_map`.
    axes
        Where to draw; a new figure when absent.

    Notes
    -----
    Limits are the 1st and 99th percentile of both maps together, so that a prediction of little
    contrast looks like one.
    """
    if axes is None:
        axes = tuple(plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")[1])
    unit: str = scale
    if standardized:
        predicted, measured, unit = _standardized(predicted), _standardized(measured), "each ÷ SD"
    limits = limits_of(np.concatenate([predicted, measured]))
    for values, ax, title in (
        (measured, axes[0], f"{gene} measured ({unit})"),
        (predicted, axes[1], f"{gene} predicted, r = {r:.2f}"),
    ):
        plot_map(
            values, xy, title=title, limits=limits, colorbar=False, tissue=tissue, mpp=mpp, ax=ax
        )
    axes[1].figure.colorbar(axes[1].collections[-1], ax=list(axes), shrink=0.7, pad=0.02)
    return axes


def limits_of(values: np.ndarray) -> Limits:
    """Return the 1st and 99th percentile of the values that are there; 0 and 1 without any.

    Parameters
    ----------
    values
        NaN is passed over.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return (0.0, 1.0)
    low, high = np.percentile(finite, [1, 99])
    return float(low), float(high if high > low else low + 1e-9)


def marker_size(xy: np.ndarray, ax: Axes) -> float:
    """Return a marker area (points²) that nearly fills the spot grid.

    Parameters
    ----------
    xy : (n_spots, 2)
        Places.
    ax
        Where they are drawn.
    """
    span = np.ptp(xy, axis=0).max()
    pitch = spot_pitch(xy) if len(xy) > 1 else 1.0
    inches = ax.get_position().width * ax.figure.get_figure(root=True).get_size_inches()[0]
    return float(np.clip((0.8 * inches * 72 * pitch / max(span, 1e-9)) ** 2, 1, 400))


def _standardized(values: np.ndarray) -> np.ndarray:
    spread = np.nanstd(values)
    return (values - np.nanmean(values)) / (spread if spread > 0 else 1.0)
