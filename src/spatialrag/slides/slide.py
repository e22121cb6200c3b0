"""What a slide is, and how a file becomes one."""

from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from spatialrag.errors import InputError
from spatialrag.registry import slide_readers

PLAIN = {".jpg", ".jpeg", ".png", ".bmp"}
TIFF = {".tif", ".tiff", ".btf"}
HDF5 = {".h5", ".hdf5"}


@runtime_checkable
class Slide(Protocol):
    """An H&E image one can read by region.

    Attributes
    ----------
    path
        The file.
    size
        (width, height) at full resolution, pixels.
    mpp
        µm per pixel stated by the file, or None.
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


def open_slide(path: str | Path) -> Slide:
    """Open an H&E file: JPEG or PNG, TIFF, any whole-slide format of OpenSlide, HEST's patches.

    TIFF files go to OpenSlide first and to tifffile where OpenSlide cannot read them (OME-TIFF).

    Raises
    ------
    InputError
        The file is absent or no reader can open it.
    MissingDependencyError
        A whole-slide format without the ``wsi`` extra.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"the slide {path} does not exist", fix="check the path")
    suffix = path.suffix.lower()
    if suffix in PLAIN:
        return slide_readers.get("pillow")(path)
    if suffix in TIFF:
        return _open_tiff(path)
    if suffix in HDF5:
        return slide_readers.get("patches")(path)
    return slide_readers.get("openslide")(path)


def _open_tiff(path: Path) -> Slide:
    openslide = slide_readers.get("openslide")
    if openslide.can_read(path):
        return openslide(path)
    return slide_readers.get("tifffile")(path)


def thumbnail(slide: Slide, *, longest: int) -> tuple[np.ndarray, float]:
    """Return the whole slide with its longest side ``longest`` px, and its scale (≤ 1)."""
    width, height = slide.size
    scale = min(1.0, longest / max(width, height))
    out = (max(1, round(width * scale)), max(1, round(height * scale)))
    return slide.read_region(0, 0, width, height, out), scale
