"""What a slide is, and how a file becomes one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from spatialrag.registry import slide_readers
from spatialrag.slides.kinds import PLAIN, image_kind


@runtime_checkable
class Slide(Protocol):
    """An H&E image one can read by region, from several threads at once.

    Attributes
    ----------
    path
        The file.
    size
        (width, height) at full resolution, pixels.
    mpp
        µm per pixel stated by the file, or None.

    Examples
    --------
    >>> slide: Slide = sr.open_slide(image)
    >>> width, height = slide.size
    >>> slide.close()
    """

    path: Path
    size: tuple[int, int]
    mpp: float | None

    def read_region(
        self, x: int, y: int, width: int, height: int, out: tuple[int, int]
    ) -> np.ndarray:
        """Return the rectangle as uint8 RGB of ``out`` = (width, height) pixels.

        ``x, y`` is the top-left corner at full resolution; what lies outside the slide is white.
        """
        ...

    def close(self) -> None:
        """Release the file."""
        ...


@runtime_checkable
class MultiSizeSlide(Slide, Protocol):
    """A slide that returns one decoded region at several sizes."""

    def read_region(
        self, x: int, y: int, width: int, height: int, out: tuple[int, int]
    ) -> np.ndarray:
        """Return the rectangle as uint8 RGB of ``out`` = (width, height) pixels."""
        return self.read_sizes(x, y, width, height, (out,))[0]

    def read_sizes(
        self, x: int, y: int, width: int, height: int, sizes: Sequence[tuple[int, int]]
    ) -> list[np.ndarray]:
        """Return the rectangle as `read_region` does, at each size; decoded for the first."""
        ...


def open_slide(path: str | Path) -> Slide:
    """Open an H&E file, whatever it is called: the door of all images.

    What lies in the file decides: scanners' formats go to OpenSlide, TIFF to tifffile, HDF5 is
    taken for HEST's patches, JPEG, PNG, WebP, JPEG 2000 and BMP go to Pillow. Whatever the reader,
    one picture has one set of pixels: uint8 RGB as shown (EXIF orientation applied), white where
    it is transparent and outside. docs/guide/images.md lists what is converted and what is refused.

    Raises
    ------
    InputError
        The file is absent, damaged or cut short, no reader can open it, or it holds no picture of
        tissue (CMYK, floating-point numbers, a stack of planes, …).
    MissingDependencyError
        A whole-slide format without the ``wsi`` extra.

    Examples
    --------
    >>> slide = sr.open_slide(image)
    >>> len(slide.size)
    2
    >>> slide.close()
    """
    path = Path(path)
    kind = image_kind(path)
    if kind == "HDF5":
        return slide_readers.get("patches")(path)
    scanner = slide_readers.get("openslide")
    # The slides of one scanner are JPEG files beside folders.
    if (kind not in PLAIN or path.suffix.lower() == ".mrxs") and scanner.can_read(path):
        return scanner(path)
    if kind == "TIFF":
        return slide_readers.get("tifffile")(path)
    return slide_readers.get("pillow")(path) if kind in PLAIN else scanner(path)


@contextmanager
def opened(image: str | Path | Slide) -> Iterator[Slide]:
    """Open an image for the time of a ``with`` block; a slide that is open already stays so.

    Parameters
    ----------
    image
        The H&E file, or a slide that someone else closes.
    """
    if isinstance(image, Slide):
        yield image
        return
    slide = open_slide(image)
    try:
        yield slide
    finally:
        slide.close()


def thumbnail(slide: Slide, *, longest: int) -> tuple[np.ndarray, float]:
    """Return the whole slide with its longest side ``longest`` px, and its scale (≤ 1)."""
    width, height = slide.size
    scale = min(1.0, longest / max(width, height))
    out = (max(1, round(width * scale)), max(1, round(height * scale)))
    return slide.read_region(0, 0, width, height, out), scale
