"""Read one section, whatever its format."""

from pathlib import Path

import numpy as np

from spatialrag.errors import InputError, listing
from spatialrag.expression.her2st import PITCH_UM, read_her2st_positions
from spatialrag.expression.section import Section
from spatialrag.expression.table import read_frame
from spatialrag.registry import expression_readers
from spatialrag.slides.mpp import PixelSize, derive_mpp
from spatialrag.slides.slide import open_slide
from spatialrag.slides.spots import Spots


def read_section(
    path: str | Path,
    *,
    slide: str | None = None,
    donor: str | None = None,
    image: str | Path | None = None,
    mpp: float | None = None,
    pitch_um: float | None = None,
) -> Section:
    """Read expression from h5ad, Space Ranger output or a table, and join its image.

    Parameters
    ----------
    path
        An ``.h5ad`` file, a Space Ranger folder, or a CSV, TSV or Parquet table. (HER2ST
        sections: `spatialrag.expression.her2st.read_her2st_section`.)
    slide, donor
        Names.
    image
        The H&E file whose full-resolution pixels the spot centres index.
    mpp
        µm per pixel. When absent: what the file states, else what ``pitch_um`` implies.
    pitch_um
        Distance between neighboring spot centres, µm; the pixel size is then derived from it.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist", fix="check the path")
    kind = "visium" if path.is_dir() else "h5ad" if path.suffix == ".h5ad" else "table"
    section = expression_readers.get(kind)(path, slide=slide, donor=donor)
    image = Path(image) if image else section.image
    pixel = _pixel_size(section.xy, image, mpp, pitch_um)
    if pixel is None and section.mpp is not None:
        pixel = PixelSize(section.mpp, section.mpp_source)
    return section.with_image(image, *((pixel.mpp, pixel.source) if pixel else (None, "unknown")))


def _pixel_size(
    xy: np.ndarray | None, image: Path | None, mpp: float | None, pitch_um: float | None
) -> PixelSize | None:
    """Return the pixel size given, else stated by the image, else derived from the pitch."""
    if mpp is not None:
        return PixelSize(float(mpp), "given")
    if image is not None:
        slide = open_slide(image)
        stated = slide.mpp
        slide.close()
        if stated:
            return PixelSize(stated, "file")
    if pitch_um is not None and xy is not None:
        return derive_mpp(xy, pitch_um=pitch_um)
    return None


def read_positions(
    path: str | Path,
    *,
    slide: str,
    image: str | Path | None = None,
    mpp: float | None = None,
    pitch_um: float | None = None,
) -> Spots:
    """Read spot names and centres alone.

    From a table with x and y, a HER2ST selection file (its pixel size is derived from the 200 µm
    pitch where nothing else is given), or what `read_section` reads.

    Parameters
    ----------
    path, image, mpp, pitch_um
        As in `read_section`. Expression that the file may hold is dropped.
    slide
        Name of the slide.
    """
    path = Path(path)
    if path.is_dir() or path.suffix == ".h5ad":
        section = read_section(path, slide=slide, image=image, mpp=mpp, pitch_um=pitch_um)
        return section.located
    frame = read_frame(path)
    if {"pixel_x", "pixel_y"} <= set(frame.columns):  # a HER2ST selection file
        frame, pitch_um = read_her2st_positions(path), pitch_um or PITCH_UM
        frame = frame.drop(columns=["x", "y"]).rename(columns={"pixel_x": "x", "pixel_y": "y"})
    if not {"x", "y"} <= set(frame.columns):
        raise InputError(
            f"{path.name} has no positions",
            expected="columns x and y: spot centres, pixels of the full-resolution image",
            got=f"columns {listing(frame.columns)}",
        )
    names, xy = frame.index.to_numpy(str), frame[["x", "y"]].to_numpy(float)
    pixel = _pixel_size(xy, None if image is None else Path(image), mpp, pitch_um)
    mpp, source = (pixel.mpp, pixel.source) if pixel else (None, "unknown")
    return Spots(slide, names, xy, None if image is None else Path(image), mpp, source)
