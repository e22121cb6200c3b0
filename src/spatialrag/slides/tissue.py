"""Where there is tissue, and a grid of spots over it."""

from pathlib import Path

import numpy as np
from skimage import color, filters, morphology

from spatialrag.errors import InputError
from spatialrag.slides.slide import Slide, open_slide, thumbnail
from spatialrag.slides.spots import Spots


def tissue_mask(slide: Slide, *, longest: int = 1024) -> tuple[np.ndarray, float]:
    """Return a boolean mask of tissue on a thumbnail, and the thumbnail's scale.

    Otsu's threshold on the saturation; specks below 0.05 % of the picture are dropped. Black
    painted background (as in published ST scans) counts as background.
    """
    picture, scale = thumbnail(slide, longest=longest)
    hsv = color.rgb2hsv(picture)
    saturation = filters.gaussian(hsv[..., 1], 2)
    mask = (saturation > filters.threshold_otsu(saturation)) & (hsv[..., 2] > 0.1)
    return morphology.remove_small_objects(mask, max_size=int(mask.size * 5e-4)), scale


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
    """
    mask, scale = tissue_mask(slide)
    step = spacing_um / mpp
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
    image: str | Path | None, *, slide: str, mpp: float | None, spacing_um: float
) -> Spots:
    """Return a square grid of spots over the tissue of a slide without measured spots.

    Parameters
    ----------
    image
        The H&E file.
    slide
        Name of the slide.
    mpp
        µm per pixel; what the file states when None.
    spacing_um
        Distance between spots, µm.
    """
    if image is None:
        raise InputError("neither spots nor an image were given", fix="pass the H&E file")
    opened = open_slide(image)
    try:
        source = "given" if mpp is not None else "file"
        mpp = opened.mpp if mpp is None else mpp
        unplaced = Spots(slide, np.empty(0), np.empty((0, 2)), Path(image), mpp, source)
        names, xy = tissue_grid(opened, mpp=unplaced.require_mpp(), spacing_um=spacing_um)
    finally:
        opened.close()
    return Spots(slide, names, xy, Path(image), mpp, source)
