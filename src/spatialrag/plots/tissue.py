"""The slide under a map: dimmed H&E, spots at their true size, a scale bar in µm."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.transforms import blended_transform_factory

from spatialrag.prediction.prediction import TissuePicture
from spatialrag.slides.spots import spot_pitch

_DIMMED = 0.45  # share of the picture that is left; the rest is white
_FILLED = 0.8  # of the distance between spots, where nothing states their diameter
_BARS_UM = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
_MARGIN = 1.0  # distances between spots around the outermost ones


def draw_tissue(ax: Axes, tissue: TissuePicture) -> None:
    """Draw a slide's picture, dimmed, in full-resolution pixels.

    Parameters
    ----------
    ax
        Where to draw.
    tissue
        Picture of the slide.
    """
    height, width = tissue.pixels.shape[:2]
    pixels = 255 - (255 - tissue.pixels.astype(float)) * _DIMMED
    ax.imshow(
        pixels.astype(np.uint8),
        extent=(0, width / tissue.scale, height / tissue.scale, 0),
        interpolation="bilinear",
        zorder=0,
    )


def draw_spots(
    ax: Axes,
    xy: np.ndarray,
    values: np.ndarray | None,
    *,
    diameter: float | None = None,
    cmap: str = "viridis",
    limits: tuple[float, float] = (0.0, 1.0),
) -> EllipseCollection:
    """Draw spots as discs of their true size, coloured by value.

    Parameters
    ----------
    ax
        Where to draw.
    xy : (n, 2)
        Centres, full-resolution pixels.
    values : (n,)
        Grey without them.
    diameter
        Of a spot, full-resolution pixels; most of the distance between spots when absent.
    cmap, limits
        Colour map, and the values at its ends.
    """
    size = diameter or _FILLED * (spot_pitch(xy) if len(xy) > 1 else 1.0)
    discs = EllipseCollection(
        np.full(len(xy), size),
        np.full(len(xy), size),
        np.zeros(len(xy)),
        units="xy",
        offsets=xy,
        offset_transform=ax.transData,
        linewidths=0,
        zorder=2,
    )
    if values is None:
        discs.set_facecolor("0.8")
    else:
        discs.set(array=np.asarray(values, float), cmap=cmap, clim=limits)
    ax.add_collection(discs)
    return discs


def frame_spots(ax: Axes, xy: np.ndarray) -> None:
    """Show the spots and a margin around them; y points down.

    Parameters
    ----------
    ax
        Where they were drawn.
    xy : (n, 2)
        Their centres.
    """
    margin = _MARGIN * (spot_pitch(xy) if len(xy) > 1 else 1.0)
    (left, top), (right, bottom) = xy.min(axis=0) - margin, xy.max(axis=0) + margin
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xticks=[], yticks=[])


def draw_scale_bar(ax: Axes, mpp: float) -> None:
    """Draw a bar of a round length in µm below the axes, about a quarter of their width.

    Parameters
    ----------
    ax
        Whose horizontal limits are set, in full-resolution pixels.
    mpp
        µm per pixel.
    """
    left, right = sorted(ax.get_xlim())
    wanted = (right - left) * mpp / 4
    length = min(_BARS_UM, key=lambda each: abs(np.log(each / wanted)))
    place = blended_transform_factory(ax.transData, ax.transAxes)
    ax.plot(
        [left, left + length / mpp], [-0.03, -0.03],
        color="0.2", linewidth=2, solid_capstyle="butt", transform=place, clip_on=False,
    )  # fmt: skip
    said = f"{length} µm" if length < 1000 else f"{length / 1000:g} mm"
    ax.text(left, -0.05, said, fontsize=7, color="0.2", va="top", transform=place)
