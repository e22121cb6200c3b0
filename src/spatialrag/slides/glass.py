"""Tissue and glass on a small picture of a slide."""

import numpy as np
from scipy import ndimage
from skimage import filters, morphology

_RIM = 0.03  # of the longer side: where a slide shows glass when it shows any
_PAINTED = 25  # of 255: background painted black, as in published scans
# Glass is bright, nearly colorless and smooth.
_BRIGHT = 127  # of 255
_COLORLESS = 0.2  # (highest - lowest channel) / highest
_SMOOTH = 4.0  # standard deviation within 5 x 5 pixels, of 255
_FAINTEST = 0.05  # absorbance (natural logarithm) of tissue at the least; less is dirt
_SPECK = 5e-4  # of the picture: smaller objects and holes are not looked at
_SHADE = 0.25  # objects of less color than this share of the tissue's are shadows and print
_DETAIL = 1024  # pixels on the longer side at which one pixel of blur is one pixel


def find_tissue(picture: np.ndarray) -> np.ndarray | None:
    """Return where there is tissue, or None when the picture shows no glass to tell it from.

    Absorbance against the glass on the rim, split by Otsu's threshold on its logarithm: the faint
    side then begins at glass and not at pale tissue. The outline is put where absorbance has half
    of its height inside. Specks and small holes are not looked at, and objects without color
    (shadows of a frame, print) are no tissue. Where the rim is painted black, what is not painted
    is tissue.

    Parameters
    ----------
    picture : (height, width, 3) uint8
        About 1,000 pixels on the longer side.

    Returns
    -------
    mask : (height, width) bool, optional
    """
    painted, blur = picture.max(axis=-1) < _PAINTED, 1.5 * max(picture.shape) / _DETAIL
    rim = _rim(picture)
    glass = np.concatenate([_like_glass(strip, blur).ravel() for strip in rim])
    colors = np.concatenate([strip.reshape(-1, 3) for strip in rim])
    black = colors.max(axis=-1) < _PAINTED
    if black.mean() > 0.5:
        return _without_specks(~painted)
    if (black | glass).mean() < 0.5 or not glass.any():
        return None
    # The rim between paint and glass is neither.
    painted = ndimage.binary_dilation(painted, iterations=2)
    absorbed = np.median(_logarithm(colors[glass]), axis=0) - _logarithm(picture)
    absorbed[painted] = 0
    height = np.sqrt(ndimage.gaussian_filter((absorbed**2).mean(axis=-1), blur))
    logarithm = np.log(height + 0.01)
    lowest = filters.threshold_otsu(logarithm[~painted])
    mask = (logarithm > lowest) & (height > _FAINTEST) & ~painted
    return _colored(_without_specks(_outlined(mask, height)), absorbed)


def _logarithm(colors: np.ndarray) -> np.ndarray:
    return np.log(colors.astype(np.float32) + 1)


def _rim(picture: np.ndarray) -> list[np.ndarray]:
    """Return the four strips along the sides of a picture."""
    width = max(2, round(_RIM * max(picture.shape)))
    between = picture[width:-width]
    strips = [picture[:width], picture[-width:], between[:, :width], between[:, -width:]]
    return [strip for strip in strips if strip.size]


def _like_glass(picture: np.ndarray, blur: float) -> np.ndarray:
    smooth = ndimage.gaussian_filter(picture.astype(np.float32), (blur, blur, 0))
    high, low = smooth.max(axis=-1), smooth.min(axis=-1)
    grey = picture.mean(axis=-1, dtype=np.float32)
    variance = ndimage.uniform_filter(grey**2, 5) - ndimage.uniform_filter(grey, 5) ** 2
    return (high > _BRIGHT) & (high - low < _COLORLESS * high) & (variance < _SMOOTH**2)


def _outlined(mask: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Return the mask with its outline where absorbance has half its height nearby."""
    pixel = max(mask.shape) / _DETAIL
    nearby = [
        ndimage.gaussian_filter(part, 8 * pixel)
        for part in (height * mask, mask.astype(np.float32))
    ]
    level = nearby[0] / np.maximum(nearby[1], 1e-6)
    inside = ndimage.binary_erosion(mask, iterations=max(2, round(4 * pixel)))
    return inside | (mask & (height > level / 2))


def _without_specks(mask: np.ndarray) -> np.ndarray:
    size = int(_SPECK * mask.size)
    return morphology.remove_small_holes(
        morphology.remove_small_objects(mask, max_size=size), max_size=size
    )


def _colored(mask: np.ndarray, absorbed: np.ndarray) -> np.ndarray:
    """Return the mask without its objects that have no color beside the others."""
    labels, n = ndimage.label(mask)
    if n < 2:
        return mask
    color = np.ptp(absorbed, axis=-1)
    per_object = ndimage.mean(color, labels, np.arange(1, n + 1))
    kept = np.flatnonzero(per_object >= _SHADE * color[mask].mean()) + 1
    return np.isin(labels, kept)
