"""µm per pixel: stated by the file, given, or derived from the spot pitch; never guessed."""

import re

import numpy as np
import tifffile

from spatialrag.errors import InputError
from spatialrag.slides.pixel_size import PixelSize, square_side
from spatialrag.slides.spots import spot_pitch

_UM_PER_UNIT = {2: 25_400.0, 3: 10_000.0}  # TIFF ResolutionUnit: inch, cm
_OME_UNITS = {"µm": 1.0, "um": 1.0, "micron": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4}
_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"


def derive_mpp(xy: np.ndarray, *, pitch_um: float) -> PixelSize:
    """Return the pixel size implied by the spot pitch.

    Parameters
    ----------
    xy : (n_spots, 2)
        Spot centres, full-resolution pixels.
    pitch_um
        Distance between neighboring spot centres, µm.

    Raises
    ------
    InputError
        One spot, a pitch that is no length, or spots that lie on top of each other.
    """
    if len(xy) < 2:
        raise InputError(f"mpp cannot be derived from {len(xy)} spot", fix="give mpp")
    if not (np.isfinite(pitch_um) and pitch_um > 0):
        raise InputError(
            "the spot pitch is not a length", expected="µm, above 0", got=f"pitch_um={pitch_um}"
        )
    pitch_px = spot_pitch(xy)
    if pitch_px == 0:
        raise InputError(
            "mpp cannot be derived: most spots lie on top of another one",
            expected="one position per spot; several slides in one file overlap",
            fix="read one slide alone, or give mpp",
        )
    return PixelSize(pitch_um / pitch_px, f"derived: {pitch_um:g} µm pitch / {pitch_px:.2f} px")


def mpp_of_tiff(file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> float | None:
    """Return the pixel size a TIFF states for one of its pictures, or None.

    OME metadata come first, then the resolution tags. What they say of other pictures in the file
    (an overview, a label) is not read.

    Raises
    ------
    InputError
        Pixels that are not square: patches would be distorted.
    """
    page = series.keyframe
    stated = _sides_of_ome(file.ome_metadata, page) if file.is_ome else []
    return square_side(stated or _sides_of_tags(page), name=file.filename)


def _sides_of_tags(page: tifffile.TiffPage) -> list[float]:
    unit = _UM_PER_UNIT.get(int(page.tags.valueof("ResolutionUnit", default=1)))
    stated = [page.tags.valueof(f"{axis}Resolution") for axis in "XY"]
    if unit is None:
        return []
    return [unit * below / above for above, below in filter(None, stated) if above and below]


def _sides_of_ome(xml: str | None, page: tifffile.TiffPage) -> list[float]:
    """Return what the ``Pixels`` element of a picture of this size states."""
    for element in re.findall(r"<(?:\w+:)?Pixels\s[^>]*>", xml or ""):
        facts = dict(re.findall(r'(\w+)="([^"]*)"', element))
        if (facts.get("SizeX"), facts.get("SizeY")) != (
            str(page.imagewidth),
            str(page.imagelength),
        ):
            continue
        sides = [length for axis in "XY" if (length := _ome_length(facts, axis))]
        if sides:
            return sides
    return []


def _ome_length(facts: dict[str, str], axis: str) -> float | None:
    factor = _OME_UNITS.get(facts.get(f"PhysicalSize{axis}Unit", "µm"))
    stated = re.fullmatch(_NUMBER, facts.get(f"PhysicalSize{axis}", ""))
    return float(stated.group()) * factor if stated and factor else None
