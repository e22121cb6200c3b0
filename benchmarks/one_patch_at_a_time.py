"""The encoder ``color`` as version 0.1 computed it: what the present one is compared with."""

import numpy as np
from scipy import ndimage
from skimage.color import hed_from_rgb, rgb2hsv, separate_stains
from skimage.feature import local_binary_pattern

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_LBP_POINTS = 8
_FRACTION_EDGES = (0.02, 0.05, 0.08, 0.12)


class OnePatchAtATime:
    """The same statistics as `spatialrag.encoders.color.Color`, in a loop."""

    name, fingerprint, size_px = "one_patch_at_a_time", "1", 128

    def encode(self, patches):
        return np.stack([_describe(patch) for patch in patches]).astype(np.float32)


def _describe(patch):
    full = patch.astype(np.float64) / 255
    height, width = (side // 2 * 2 for side in full.shape[:2])
    half = full[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
    stains = separate_stains(full, hed_from_rgb)
    return np.concatenate(
        [_scale_statistics(full), _scale_statistics(half), _nuclear_fractions(stains[..., 0])]
    )


def _scale_statistics(rgb):
    stains = separate_stains(rgb, hed_from_rgb)
    channels = np.dstack([rgb, rgb2hsv(rgb)[..., 1:2], stains]).reshape(-1, 7)
    statistics = [
        channels.mean(axis=0),
        channels.std(axis=0),
        np.quantile(channels, _QUANTILES, axis=0).ravel(),
    ]
    for plane in (stains[..., 0], rgb.mean(axis=2)):
        statistics += [_texture(plane), _gradient(plane)]
    return np.concatenate(statistics)


def _texture(plane):
    """Histogram of rotation-invariant uniform local binary patterns, (10,)."""
    grey = np.clip(plane / max(plane.max(), 1e-6) * 255, 0, 255).astype(np.uint8)
    codes = local_binary_pattern(grey, _LBP_POINTS, 1.0, method="uniform").astype(int)
    return np.bincount(codes.ravel(), minlength=_LBP_POINTS + 2) / codes.size


def _gradient(plane):
    strength = np.hypot(ndimage.sobel(plane, axis=0), ndimage.sobel(plane, axis=1))
    return np.array([strength.mean(), strength.std()])


def _nuclear_fractions(hematoxylin):
    quarter = hematoxylin.shape[0] // 4
    centre = hematoxylin[quarter : -quarter or None, quarter : -quarter or None]
    return np.array(
        [(plane > edge).mean() for plane in (hematoxylin, centre) for edge in _FRACTION_EDGES]
    )
