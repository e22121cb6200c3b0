"""Where there is tissue, and a grid of spots over it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spatialrag.errors import InputError
from spatialrag.slides.glass import find_tissue
from spatialrag.slides.slide import Slide, opened, thumbnail
from spatialrag.slides.spots import Spots

_MOST_SPOTS = 5_000_000  # of a grid: Visium HD bins of 2 µm over a whole array are twice as many


@dataclass(frozen=True, eq=False)
class TissueMask:
    """Where there is tissue on a small picture of a slide.

    Parameters
    ----------
    mask : (height, width) bool
        All of it where the picture shows no glass.
    scale
        Pixels of the mask per full-resolution pixel, at most 1.
    shows_glass
        Whether the picture shows glass to tell tissue from.
    """

    mask: np.ndarray
    scale: float
    shows_glass: bool


def tissue_mask(slide: Slide, *, longest: int = 1024) -> TissueMask:
    """Return where there is tissue on a slide.

    Parameters
    ----------
    slide
        The slide.
    longest
        Longer side of the mask, pixels.

    Examples
    --------
    >>> slide = sr.open_slide(image)
    >>> mask = tissue_mask(slide)
    >>> slide.close()
    """
    picture, scale = thumbnail(slide, longest=longest)
    found = find_tissue(picture)
    mask = np.ones(picture.shape[:2], bool) if found is None else found
    return TissueMask(mask, scale, found is not None)


def tissue_grid(slide: Slide, *, mpp: float, spacing_um: float) -> tuple[np.ndarray, np.ndarray]:
    """Return spots on a square grid over the tissue.

    Parameters
    ----------
    slide
        The slide.
    mpp, spacing_um
        µm per pixel, and distance between spots in µm.

    Returns
    -------
    spots : (n,)
        Names ``columnxrow``.
    xy : (n, 2)
        Centres, full-resolution pixels.

    Raises
    ------
    InputError
        A distance that is none, a grid without end, or a slide without tissue.
    """
    if not (np.isfinite(spacing_um) and spacing_um > 0):
        raise InputError(
            "the distance between the grid's spots is no length",
            expected="µm, above 0",
            got=f"{spacing_um}",
        )
    step = spacing_um / mpp
    n_spots = (slide.size[0] / step) * (slide.size[1] / step)
    if n_spots > _MOST_SPOTS:
        raise InputError(
            f"a grid of {spacing_um:g} µm has about {n_spots:.3g} spots on {slide.path.name}",
            expected=f"at most {_MOST_SPOTS:,}",
            fix="give a larger distance, e.g. 100 µm",
        )
    tissue = tissue_mask(slide)
    mask, scale = tissue.mask, tissue.scale
    x, y = np.meshgrid(
        np.arange(step / 2, slide.size[0], step), np.arange(step / 2, slide.size[1], step)
    )
    column, row = np.meshgrid(np.arange(x.shape[1]), np.arange(x.shape[0]))
    inside = mask[
        np.minimum((y * scale).astype(int), mask.shape[0] - 1),
        np.minimum((x * scale).astype(int), mask.shape[1] - 1),
    ]
    if not inside.any():
        raise InputError(
            f"no tissue was found on {slide.path.name}",
            fix="give the spots (name, x, y) in a table",
        )
    names = [f"{c}x{r}" for c, r in zip(column[inside], row[inside], strict=True)]
    return np.array(names), np.column_stack([x[inside], y[inside]])


def grid_spots(
    image: str | Path | Slide | None, *, slide: str, mpp: float | None, spacing_um: float
) -> Spots:
    """Return a square grid of spots over the tissue of a slide without measured spots.

    Parameters
    ----------
    image
        The H&E file, or the slide if it is open already.
    slide
        Name of the slide.
    mpp
        µm per pixel; what the file states when None.
    spacing_um
        Distance between spots, µm.

    Examples
    --------
    >>> sr.grid_spots(image, slide="new", mpp=1.0, spacing_um=100).slide
    'new'
    """
    if image is None:
        raise InputError("neither spots nor an image were given", fix="pass the H&E file")
    with opened(image) as found:
        source = "given" if mpp is not None else "file"
        mpp = found.mpp if mpp is None else mpp
        unplaced = Spots(slide, np.empty(0), np.empty((0, 2)), found.path, mpp, source)
        names, xy = tissue_grid(found, mpp=unplaced.require_mpp(), spacing_um=spacing_um)
    return Spots(slide, names, xy, unplaced.image, mpp, source)
