"""Samples as files hold them to uint8 RGB: the one conversion of all readers.

Grey is repeated, 9 to 16 bits are scaled to 8, min-is-white is inverted, palettes are looked up,
transparency is laid on white. What has no colors of its own is refused by name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from spatialrag.errors import InputError

BLOCK = 1 << 24  # pixels read at once where a large region is shrunk
_GAP = 3  # the last step shrinks by at least this factor, with a better filter than the bands
_DARK = 8  # the brightest pixel of a slide is at least this part of the range


@dataclass(frozen=True, eq=False)
class Samples:
    """How the samples of a picture are to be understood.

    Parameters
    ----------
    colors
        Samples that make the color: 1 (grey, or an index into ``palette``) or 3.
    bits
        Bits per sample; 1 to 16.
    alpha
        ``""`` without transparency, else ``straight`` or ``premultiplied``: the last sample.
    inverted
        0 is white.
    palette : (n, 3) uint8, optional
        Colors by index.
    """

    colors: int = 3
    bits: int = 8
    alpha: str = ""
    inverted: bool = False
    palette: np.ndarray | None = field(default=None, repr=False)

    @property
    def white(self) -> int:
        """The value of a sample that is white, for what a file leaves out."""
        return 0 if self.inverted or self.palette is not None else 2**self.bits - 1

    def to_rgb(self, samples: np.ndarray) -> np.ndarray:
        """Return (height, width, channels) of these samples as (height, width, 3) uint8."""
        color, alpha = samples[..., : self.colors], samples[..., self.colors :]
        if self.palette is not None:
            color = self.palette[np.minimum(color[..., 0], len(self.palette) - 1)]
        else:
            color = self._to_8_bits(color)
        if self.inverted:
            color = 255 - color
        if self.alpha:
            color = self._on_white(color, self._to_8_bits(alpha[..., :1]))
        if color.shape[-1] == 1:
            color = np.repeat(color, 3, axis=-1)
        return np.ascontiguousarray(color)

    def _to_8_bits(self, samples: np.ndarray) -> np.ndarray:
        if self.bits == 8:
            return samples.astype(np.uint8, copy=False)
        top = 2**self.bits - 1
        scaled = (samples.astype(np.uint32) * 255 + top // 2) // top
        return np.minimum(scaled, 255).astype(np.uint8)

    def _on_white(self, color: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        if (alpha == 255).all():
            return color
        clear = 255 - alpha.astype(np.uint16)
        if self.alpha == "premultiplied":
            return np.minimum(color + clear, 255).astype(np.uint8)
        weighted = color * alpha.astype(np.uint16) + 255 * clear
        return ((weighted + 127) // 255).astype(np.uint8)


def check_brightness(brightest: int, *, bits: int, name: str) -> None:
    """Raise `InputError` when values of more than 8 bits use a small part of their range.

    Parameters
    ----------
    brightest
        The highest sample seen.
    bits
        Bits per sample, as the file states them.
    name
        The file.
    """
    if bits > 8 and brightest < 2**bits / _DARK:
        raise InputError(
            f"{name} has samples of {bits} bits that use a small part of their range",
            expected=f"a white background near {2**bits - 1}",
            got=f"{brightest} in its brightest pixel (fewer bits than stated, or fluorescence)",
            fix="save it with 8 bits per channel, stretched to 255",
        )


def fit(pixels: np.ndarray, out: tuple[int, int]) -> np.ndarray:
    """Return uint8 RGB pixels resampled to ``out`` = (width, height), antialiased."""
    height, width = pixels.shape[:2]
    if (width, height) == out:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(out, Image.Resampling.BILINEAR))


def shrink(
    read: Callable[[int, int, int, int], np.ndarray],
    rectangle: tuple[int, int, int, int],
    sizes: Sequence[tuple[int, int]],
) -> list[np.ndarray]:
    """Return a rectangle resampled to each of these sizes; it is read once.

    A large one is read in bands for every size, so that memory stays bounded.

    Parameters
    ----------
    read
        Returns the uint8 RGB pixels of a rectangle (x, y, width, height).
    rectangle
        x, y, width, height in the pixels of ``read``.
    sizes
        Width and height of each result, pixels.
    """
    if rectangle[2] * rectangle[3] > BLOCK:
        return [_shrink_in_bands(read, rectangle, out) for out in sizes]
    pixels = read(*rectangle)
    return [fit(pixels, out) for out in sizes]


def _shrink_in_bands(
    read: Callable[[int, int, int, int], np.ndarray],
    rectangle: tuple[int, int, int, int],
    out: tuple[int, int],
) -> np.ndarray:
    x, y, width, height = rectangle
    step = max(1, int(min(width / out[0], height / out[1]) / _GAP))
    if step == 1:
        return fit(read(*rectangle), out)
    rows = max(1, BLOCK // (width * step)) * step
    bands = [
        np.asarray(Image.fromarray(read(x, top, width, min(rows, y + height - top))).reduce(step))
        for top in range(y, y + height, rows)
    ]
    whole = Image.fromarray(np.concatenate(bands))
    box = (0, 0, min(width / step, whole.width), min(height / step, whole.height))
    return np.asarray(whole.resize(out, Image.Resampling.BILINEAR, box=box))


def crop_padded(plane: np.ndarray, x: int, y: int, width: int, height: int) -> np.ndarray:
    """Return ``plane[y:y+height, x:x+width]`` of uint8 RGB, white where it leaves the plane."""
    return padded(
        lambda rows, columns: plane[rows, columns], plane.shape[:2], (x, y, width, height)
    )


def padded(
    read: Callable[[slice, slice], np.ndarray],
    shape: tuple[int, int],
    rectangle: tuple[int, int, int, int],
) -> np.ndarray:
    """Return a rectangle of a plane, white where it leaves the plane.

    Parameters
    ----------
    read
        Returns uint8 RGB of slices of rows and columns that lie within the plane.
    shape
        Height and width of the plane.
    rectangle
        x, y, width, height.
    """
    x, y, width, height = rectangle
    top, left = max(y, 0), max(x, 0)
    bottom, right = min(y + height, shape[0]), min(x + width, shape[1])
    if (top, left, bottom, right) == (y, x, y + height, x + width):
        return read(slice(top, bottom), slice(left, right))
    block = np.full((height, width, 3), 255, np.uint8)
    if bottom > top and right > left:
        piece = read(slice(top, bottom), slice(left, right))
        block[top - y : bottom - y, left - x : right - x] = piece
    return block
