"""Texture of grey pictures, many at a time: local binary patterns and gradients.

Pictures get a frame of one pixel and are laid out as one row of pixels each: a neighbor is then a
step along the row, and every operation runs through memory from end to end.
"""

from functools import lru_cache

import numpy as np

_N_POINTS = 8
_DIAGONAL = 0.70711  # a neighbor's place, with the five decimals that scikit-image gives it


def pattern_histograms(pictures: np.ndarray) -> np.ndarray:
    """Return how often each uniform local binary pattern occurs, (n, 10), as shares of pixels.

    Of eight neighbors on a circle of radius 1, those at least as bright as the pixel are counted
    (0 to 8); patterns with more than two changes along the circle are the tenth kind. Neighbors on
    diagonals are interpolated, neighbors outside are black: the same numbers, to the last bit, as
    ``skimage.feature.local_binary_pattern(picture, 8, 1, "uniform")``.

    Parameters
    ----------
    pictures : (n, height, width) uint8

    References
    ----------
    Ojala, Pietikäinen & Mäenpää, IEEE TPAMI 24 (2002).
    """
    n, height, width = pictures.shape
    down = width + 2  # the step to the pixel below
    framed = np.zeros((n, height + 2, down), np.uint8)
    framed[:, 1:-1, 1:-1] = pictures
    levels = framed.reshape(n, -1)
    row = levels.astype(np.float64)
    inside = slice(down, -down)
    to_left, to_right, to_top, to_bottom = _weights(height, width)
    left, right = np.empty((2, *row.shape))
    left[:, 0] = right[:, -1] = 0  # corners of the frame
    left[:, 1:] = _between(row[:, :-1], row[:, 1:], to_left[1:])
    right[:, :-1] = _between(row[:, :-1], row[:, 1:], to_right[:-1])
    above, below = slice(None, -2 * down), slice(2 * down, None)
    circle = (  # counterclockwise from the right
        levels[:, down + 1 : 1 - down],
        _between(right[:, above], right[:, inside], to_top[inside]),
        levels[:, above],
        _between(left[:, above], left[:, inside], to_top[inside]),
        levels[:, down - 1 : -down - 1],
        _between(left[:, inside], left[:, below], to_bottom[inside]),
        levels[:, below],
        _between(right[:, inside], right[:, below], to_bottom[inside]),
    )
    patterns, flags = np.zeros((2, n, height * down), np.uint8)
    for bit, neighbors in enumerate(circle):
        pixels = levels if neighbors.dtype == np.uint8 else row
        np.greater_equal(neighbors, pixels[:, inside], out=flags.view(bool))
        flags <<= np.uint8(bit)
        patterns |= flags
    patterns = patterns.reshape(n, height, down)[:, :, 1:-1]
    counts = [np.bincount(pattern.ravel(), minlength=256) for pattern in patterns]
    return np.stack(counts) @ _KINDS / (height * width)


def _between(low: np.ndarray, high: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return values between two pixels, of which ``weight`` is the higher one's."""
    value = (1 - weight) * low
    value += weight * high
    return value


@lru_cache(maxsize=8)
def _weights(height: int, width: int) -> tuple[np.ndarray, ...]:
    """Return the weights of the pixel itself or behind it, left, right, above and below.

    They differ in the last bits from place to place, by which scikit-image's ties are decided.
    """
    column, line = np.meshgrid(np.arange(-1.0, width + 1), np.arange(-1.0, height + 1))
    places = [
        (along + step).ravel() for along in (column, line) for step in (-_DIAGONAL, _DIAGONAL)
    ]
    return tuple(place - np.floor(place) for place in places)


def _kinds() -> np.ndarray:
    """Return which of the ten kinds each of the 256 patterns is, (256, 10)."""
    bits = np.arange(256)[:, None] >> np.arange(_N_POINTS) & 1
    uniform = np.abs(np.diff(bits, axis=1)).sum(axis=1) <= 2
    kind = np.where(uniform, bits.sum(axis=1), _N_POINTS + 1)
    return (kind[:, None] == np.arange(_N_POINTS + 2)).astype(np.int64)


_KINDS = _kinds()


def gradient_strength(pictures: np.ndarray) -> np.ndarray:
    """Return the length of Sobel's gradient at each pixel, of the shape of the pictures.

    Parameters
    ----------
    pictures : (n, height, width) float64
        Mirrored at their edges.
    """
    n, height, width = pictures.shape
    down = width + 2
    framed = np.empty((n, height + 2, down))
    framed[:, 1:-1, 1:-1] = pictures
    framed[:, 0, 1:-1], framed[:, -1, 1:-1] = pictures[:, 0], pictures[:, -1]
    framed[:, :, 0], framed[:, :, -1] = framed[:, :, 1], framed[:, :, -2]
    row = framed.reshape(n, -1)
    strength = np.zeros((n, height * down))  # squared, until the end
    vertical = row[:, 2 * down :] - row[:, : -2 * down]
    horizontal = row[:, 2:] - row[:, :-2]
    for slope, step in ((vertical, 1), (horizontal, down)):
        smooth = 2 * slope[:, step:-step]
        smooth += slope[:, : -2 * step]
        smooth += slope[:, 2 * step :]
        smooth *= smooth
        strength[:, 1:-1] += smooth
    return np.sqrt(strength, out=strength).reshape(n, height, down)[:, :, 1:-1]
