"""The three slide readers: Pillow, OpenSlide and tifffile."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

from spatialrag.errors import InputError, MissingDependencyError
from spatialrag.slides.mpp import mpp_of_tiff
from spatialrag.slides.pixel_size import plausible


@contextmanager
def _open_image(path: Path) -> Iterator[Image.Image]:
    """Open an image of any size: slides are large on purpose, so Pillow's limit is lifted here."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with Image.open(path) as image:
            yield image
    except UnidentifiedImageError as error:
        raise InputError(f"{path.name} is not an image that can be read") from error
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def fit(pixels: np.ndarray, out: tuple[int, int]) -> np.ndarray:
    """Return uint8 RGB pixels resampled to ``out`` = (width, height), antialiased."""
    height, width = pixels.shape[:2]
    if (width, height) == out:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(out, Image.Resampling.BILINEAR))


def crop_padded(plane: np.ndarray, x: int, y: int, width: int, height: int) -> np.ndarray:
    """Return ``plane[y:y+height, x:x+width]``, white where the rectangle leaves the plane."""
    block = np.full((height, width, 3), 255, np.uint8)
    top, left = max(y, 0), max(x, 0)
    bottom, right = min(y + height, plane.shape[0]), min(x + width, plane.shape[1])
    if bottom > top and right > left:
        piece = np.asarray(plane[top:bottom, left:right])
        block[top - y : bottom - y, left - x : right - x] = _as_rgb(piece)
    return block


def _as_rgb(pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    return pixels[..., :3] if pixels.shape[-1] >= 3 else np.repeat(pixels[..., :1], 3, axis=-1)


class PillowSlide:
    """JPEG and PNG. Decoded once, on the first region; a JPEG's dpi tag is never µm per pixel."""

    mpp = None

    def __init__(self, path: Path) -> None:
        self.path = path
        with _open_image(path) as image:
            self.size = image.size

    @cached_property
    def _pixels(self) -> np.ndarray:
        with _open_image(self.path) as image:
            return np.asarray(image.convert("RGB"))

    def read_region(
        self, x: int, y: int, width: int, height: int, out: tuple[int, int]
    ) -> np.ndarray:
        """Return a rectangle as uint8 RGB of ``out`` pixels."""
        return fit(crop_padded(self._pixels, x, y, width, height), out)

    def close(self) -> None:
        """Forget the decoded pixels."""
        self.__dict__.pop("_pixels", None)


def _is_ome(path: Path) -> bool:
    with tifffile.TiffFile(path) as file:
        return bool(file.is_ome)


class OpenSlideSlide:
    """Whole-slide formats, read by region from the pyramid level that fits."""

    def __init__(self, path: Path) -> None:
        if find_spec("openslide") is None:
            raise MissingDependencyError(
                "openslide", extra="wsi", needed_for=f"reading {path.name}"
            )
        import openslide

        self.path = path
        try:
            self._file = openslide.OpenSlide(path)
        except openslide.OpenSlideError as error:
            raise InputError(
                f"no reader can open {path.name} ({error})",
                expected="JPEG, PNG, TIFF, or a whole-slide format of OpenSlide",
            ) from error
        self.size = self._file.dimensions
        stated = self._file.properties.get(openslide.PROPERTY_NAME_MPP_X)
        self.mpp = plausible(float(stated)) if stated else None

    @staticmethod
    def can_read(path: Path) -> bool:
        """Return whether OpenSlide is installed and knows this file."""
        if find_spec("openslide") is None:
            return False
        import openslide

        known = openslide.OpenSlide.detect_format(path)
        # OpenSlide takes a tiled OME-TIFF for a generic one and misses its levels and pixel size.
        return known is not None and not (known == "generic-tiff" and _is_ome(path))

    def read_region(
        self, x: int, y: int, width: int, height: int, out: tuple[int, int]
    ) -> np.ndarray:
        """Return a rectangle as uint8 RGB of ``out`` pixels, decoding only the level that fits."""
        level = self._file.get_best_level_for_downsample(max(1.0, width / out[0]))
        step = self._file.level_downsamples[level]
        size = (max(1, round(width / step)), max(1, round(height / step)))
        region = self._file.read_region((x, y), level, size)
        white = Image.new("RGBA", region.size, (255, 255, 255, 255))
        pixels = np.array(Image.alpha_composite(white, region).convert("RGB"))
        self._whiten_outside(pixels, x, y, step)
        return fit(pixels, out)

    def _whiten_outside(self, pixels: np.ndarray, x: int, y: int, step: float) -> None:
        # Some formats fill what lies outside with black instead of transparency.
        rows = y + np.arange(pixels.shape[0]) * step
        columns = x + np.arange(pixels.shape[1]) * step
        pixels[(rows < 0) | (rows >= self.size[1])] = 255
        pixels[:, (columns < 0) | (columns >= self.size[0])] = 255

    def close(self) -> None:
        """Release the file."""
        self._file.close()


class TiffSlide:
    """TIFF and OME-TIFF through tifffile: only the tiles a region touches are decoded."""

    def __init__(self, path: Path) -> None:
        import zarr

        self.path = path
        try:
            self._file = tifffile.TiffFile(path)
        except tifffile.TiffFileError as error:
            raise InputError(f"no reader can open {path.name} ({error})") from error
        series = self._file.series[0]
        if series.axes not in {"YX", "YXS"}:
            raise InputError(
                f"{path.name} has axes {series.axes}", expected="a grey or RGB plane (YX or YXS)"
            )
        if series.dtype != np.uint8:
            raise InputError(
                f"{path.name} has {series.dtype} pixels", expected="8 bits per channel"
            )
        self._planes = [
            zarr.open_array(series.aszarr(level=i), mode="r") for i in range(len(series.levels))
        ]
        height, width = self._planes[0].shape[:2]
        self.size = (width, height)
        self.mpp = mpp_of_tiff(self._file, series)

    def read_region(
        self, x: int, y: int, width: int, height: int, out: tuple[int, int]
    ) -> np.ndarray:
        """Return a rectangle as uint8 RGB of ``out`` pixels from the level that fits."""
        wanted = max(1.0, width / out[0])
        steps = [self.size[0] / plane.shape[1] for plane in self._planes]
        step, plane = max(
            (pair for pair in zip(steps, self._planes, strict=True) if pair[0] <= wanted * 1.01),
            key=lambda pair: pair[0],
        )
        size = (max(1, round(width / step)), max(1, round(height / step)))
        return fit(crop_padded(plane, round(x / step), round(y / step), *size), out)

    def close(self) -> None:
        """Release the file."""
        self._file.close()
