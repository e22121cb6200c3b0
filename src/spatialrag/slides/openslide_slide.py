"""Whole-slide formats of scanners through OpenSlide, read by region from their pyramid."""

from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from spatialrag.errors import InputError, MissingDependencyError
from spatialrag.slides.decoding import READABLE, decoding
from spatialrag.slides.pixel_size import square_side
from spatialrag.slides.pixels import shrink
from spatialrag.slides.slide import MultiSizeSlide

if TYPE_CHECKING:
    import openslide

# TIFF in general is left to tifffile: OpenSlide misses OME, orientation, alpha and larger series.
_GENERAL = {"generic-tiff"}


class OpenSlideSlide(MultiSizeSlide):
    """A slide of a scanner."""

    def __init__(self, path: Path) -> None:
        if find_spec("openslide") is None:
            raise MissingDependencyError(
                "openslide", extra="wsi", needed_for=f"reading {path.name}"
            )
        import openslide

        self.path = path
        try:
            with decoding(path):
                self._file = openslide.OpenSlide(path)
                self.size = self._file.dimensions
        except InputError as error:
            raise InputError(
                f"no reader can open {path.name}",
                expected=READABLE,
                got=str(error.__cause__).partition("\n")[0][:200],
                fix="check that this is the image you mean",
            ) from error
        self.mpp = _stated_mpp(self._file, path)

    @staticmethod
    def can_read(path: Path) -> bool:
        """Return whether OpenSlide is installed and knows this scanner's format."""
        if find_spec("openslide") is None:
            return False
        import openslide

        with decoding(path):
            known = openslide.OpenSlide.detect_format(path)
        return known is not None and known not in _GENERAL

    def read_sizes(
        self, x: int, y: int, width: int, height: int, sizes: Sequence[tuple[int, int]]
    ) -> list[np.ndarray]:
        """Return a rectangle as uint8 RGB of these sizes, from the level that fits the first."""
        level = self._file.get_best_level_for_downsample(max(1.0, width / sizes[0][0]))
        step = self._file.level_downsamples[level]
        rectangle = (0, 0, max(1, round(width / step)), max(1, round(height / step)))

        def read(column: int, row: int, width: int, height: int) -> np.ndarray:
            place = (x + round(column * step), y + round(row * step))
            return self._read(place, level, (width, height))

        with decoding(self.path):
            return shrink(read, rectangle, sizes)

    def _read(self, place: tuple[int, int], level: int, size: tuple[int, int]) -> np.ndarray:
        region = self._file.read_region(place, level, size)
        white = Image.new("RGBA", region.size, (255, 255, 255, 255))
        pixels = np.array(Image.alpha_composite(white, region).convert("RGB"))
        # Some formats fill what lies outside with black instead of transparency.
        step = self._file.level_downsamples[level]
        rows = place[1] + np.arange(pixels.shape[0]) * step
        columns = place[0] + np.arange(pixels.shape[1]) * step
        pixels[(rows < 0) | (rows >= self.size[1])] = 255
        pixels[:, (columns < 0) | (columns >= self.size[0])] = 255
        return pixels

    def close(self) -> None:
        """Release the file."""
        self._file.close()


def _stated_mpp(file: "openslide.OpenSlide", path: Path) -> float | None:
    """Return the µm per pixel of the scanner's metadata, or None."""
    import openslide

    sides = []
    for key in (openslide.PROPERTY_NAME_MPP_X, openslide.PROPERTY_NAME_MPP_Y):
        with suppress(KeyError, ValueError):
            sides.append(float(file.properties[key]))
    return square_side(sides, name=path.name)
