"""The embedded default: colour, stain and texture statistics; no weights, no torch."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from skimage.color import hed_from_rgb
from threadpoolctl import threadpool_limits

from spatialrag.encoders.pixel_statistics import Levels, moments, quantiles
from spatialrag.encoders.texture import gradient_strength, pattern_histograms
from spatialrag.errors import InputError
from spatialrag.provenance import fingerprint

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_AT_ONCE = 1 << 17  # pixels: fewer are slowed down by calls, more by memory
_FAINTEST = 1e-6  # of white: no logarithm of 0
_LEVELS = np.arange(256) / 255
_FRACTION_EDGES = (0.02, 0.05, 0.08, 0.12)  # hematoxylin densities that grade nuclei


@dataclass(frozen=True)
class Color:
    """Deterministic statistics of a patch at two scales.

    At full and at half resolution: mean, spread and quantiles of RGB, saturation and the
    hematoxylin, eosin and residual stains (Ruifrok & Johnston 2001); local binary patterns and
    gradient strength of hematoxylin and brightness; and at full resolution the share of pixels
    above graded hematoxylin densities, for the whole patch and its centre.

    Parameters
    ----------
    size_px
        Side of the patches taken, pixels.

    Examples
    --------
    >>> patches = np.full((2, 64, 64, 3), 200, np.uint8)
    >>> Color(size_px=64).encode(patches).shape
    (2, 154)
    """

    size_px: int = 128
    name: str = "color"
    concurrent: ClassVar[bool] = True

    @property
    def fingerprint(self) -> str:
        """Changes with the settings or the definition of the statistics."""
        return fingerprint("color", 1, self.size_px)

    def encode(self, patches: np.ndarray) -> np.ndarray:
        """Return (n, 154) float32 statistics of uint8 RGB patches."""
        step = max(1, _AT_ONCE // (patches.shape[1] * patches.shape[2]))
        starts = range(0, len(patches), step)
        # Products are small: a second thread of linear algebra only waits, at a core's cost.
        with threadpool_limits(1, user_api="blas"):
            parts = [_describe(patches[start : start + step]) for start in starts]
        return np.concatenate(parts).astype(np.float32)


def _describe(patches: np.ndarray) -> np.ndarray:
    """Return (n, 154) statistics of patches (n, height, width, 3)."""
    levels = np.ascontiguousarray(np.moveaxis(patches, -1, 0))
    full = levels / 255
    stains = _separate_stains(_absorbances(_LEVELS)[levels])
    # Added in the order of numpy's mean over both axes: patterns change with the last bit.
    half = _sums_of_four(full) / 4
    half_levels = _sums_of_four(levels.astype(np.uint16))
    return np.concatenate(
        [
            _scale_statistics(full, stains, levels, 255),
            _scale_statistics(half, _separate_stains(_absorbances(half)), half_levels, 4 * 255),
            _nuclear_fractions(stains[0]),
        ],
        axis=1,
    )


def _sums_of_four(planes: np.ndarray) -> np.ndarray:
    """Return the sums of squares of four pixels; an odd row or column is left out."""
    height, width = (side // 2 * 2 for side in planes.shape[-2:])
    top, bottom = planes[..., 0:height:2, :width], planes[..., 1:height:2, :width]
    sums = top[..., 0::2] + top[..., 1::2]
    sums += bottom[..., 0::2]
    sums += bottom[..., 1::2]
    return sums


def _absorbances(rgb: np.ndarray) -> np.ndarray:
    """Return absorbance by Beer and Lambert's law, 0 of white to 1 of black, of RGB in 0..1."""
    return np.log(np.maximum(rgb, _FAINTEST)) / np.log(_FAINTEST)


def _separate_stains(absorbed: np.ndarray) -> np.ndarray:
    """Return hematoxylin, eosin and residual, (3, n, height, width), of RGB's absorbances."""
    stains = hed_from_rgb.T @ absorbed.reshape(3, -1)
    return np.maximum(stains, 0, out=stains).reshape(absorbed.shape)


def _scale_statistics(
    rgb: np.ndarray, stains: np.ndarray, levels: np.ndarray, white: int
) -> np.ndarray:
    """Return (n, 73) statistics of a scale.

    Parameters
    ----------
    rgb, stains : (3, n, height, width)
        RGB in 0..1, and the stains.
    levels : (3, n, height, width)
        RGB as whole numbers.
    white
        The level that is 1.
    """
    n = rgb.shape[1]
    brightness = rgb[0] + rgb[1]
    brightness += rgb[2]
    brightness /= 3
    textures = [*_texture(stains[0]), *_texture(brightness)]
    colors = Levels(levels.reshape(3 * n, -1), np.arange(white + 1) / white)
    others = np.concatenate([_saturation(levels)[None], stains]).reshape(4 * n, -1)
    rows = np.hstack(
        [
            [*colors.moments(), *colors.quantiles(_QUANTILES)],
            [*moments(others), *quantiles(others, _QUANTILES)],
        ]
    )
    return np.concatenate([rows.reshape(-1, n).T, *textures], axis=1)


def _saturation(levels: np.ndarray) -> np.ndarray:
    """Return (highest - lowest channel) / highest, 0 of black, of (3, n, height, width)."""
    highest = levels.max(axis=0)
    spread = highest - levels.min(axis=0)
    return spread / np.maximum(highest, 1)


def _texture(planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the histograms of local binary patterns, (n, 10), and of gradients mean and spread."""
    grey = planes / np.maximum(planes.max(axis=(1, 2)), 1e-6)[:, None, None]
    grey *= 255
    strength = gradient_strength(planes).reshape(len(planes), -1)
    return pattern_histograms(grey.astype(np.uint8)), np.column_stack(moments(strength))


def _nuclear_fractions(hematoxylin: np.ndarray) -> np.ndarray:
    """Return (n, 8) shares of pixels above each density, of the patches and of their centres."""
    quarter = hematoxylin.shape[1] // 4
    inside = slice(quarter, -quarter or None)
    return np.column_stack(
        [
            np.count_nonzero(plane > edge, axis=(1, 2)) / plane[0].size
            for plane in (hematoxylin, hematoxylin[:, inside, inside])
            for edge in _FRACTION_EDGES
        ]
    )


def from_spec(argument: str) -> Color:
    """Return the encoder for ``color``; it takes no argument."""
    if argument:
        raise InputError("the color encoder takes no argument", got=f"color:{argument}")
    return Color()
