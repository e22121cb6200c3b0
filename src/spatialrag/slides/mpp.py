"""µm per pixel: stated by the file, given, or derived from the spot pitch; never guessed."""

import re
from dataclasses import dataclass

import numpy as np
import tifffile

from spatialrag.errors import InputError
from spatialrag.slides.spots import spot_pitch

_PLAUSIBLE = (0.05, 20.0)
_UM_PER_UNIT = {2: 25_400.0, 3: 10_000.0}  # TIFF ResolutionUnit: inch, cm
_OME_UNITS = {"µm": 1.0, "um": 1.0, "nm": 1e-3, "mm": 1e3}


@dataclass(frozen=True)
class PixelSize:
    """µm per pixel and where the number comes from (``given``, ``file``, ``derived …``)."""

    mpp: float
    source: str

    def __post_init__(self) -> None:
        if not (np.isfinite(self.mpp) and _PLAUSIBLE[0] <= self.mpp <= _PLAUSIBLE[1]):
            raise InputError(
                "the pixel size is not plausible",
                expected=f"mpp between {_PLAUSIBLE[0]} and {_PLAUSIBLE[1]} µm per pixel",
                got=f"{self.mpp} ({self.source})",
                fix="give µm per pixel, e.g. mpp=0.5 for a 20x scan",
            )


def derive_mpp(xy: np.ndarray, *, pitch_um: float) -> PixelSize:
    """Return the pixel size implied by the spot pitch.

    Parameters
    ----------
    xy : (n_spots, 2)
        Spot centres, full-resolution pixels.
    pitch_um
        Distance between neighboring spot centres, µm.
    """
    if len(xy) < 2:
        raise InputError(f"mpp cannot be derived from {len(xy)} spot", fix="give mpp")
    pitch_px = spot_pitch(xy)
    return PixelSize(pitch_um / pitch_px, f"derived: {pitch_um:g} µm pitch / {pitch_px:.2f} px")


def mpp_of_tiff(file: tifffile.TiffFile) -> float | None:
    """Return the pixel size a TIFF states (OME metadata, else its resolution tags), or None."""
    if file.is_ome and (stated := _mpp_of_ome(file.ome_metadata or "")):
        return stated
    tags = file.pages[0].tags
    unit = int(tags["ResolutionUnit"].value) if "ResolutionUnit" in tags else 1
    if unit not in _UM_PER_UNIT or "XResolution" not in tags:
        return None
    numerator, denominator = tags["XResolution"].value
    if not numerator:
        return None
    return plausible(_UM_PER_UNIT[unit] * denominator / numerator)


def plausible(mpp: float) -> float | None:
    """Return µm per pixel, or None when it cannot be one of tissue.

    72 to 600 dpi are screen and print defaults (353 to 42 µm per pixel), not a measurement.
    """
    return mpp if _PLAUSIBLE[0] <= mpp <= _PLAUSIBLE[1] else None


def _mpp_of_ome(xml: str) -> float | None:
    size = re.search(r'PhysicalSizeX="([0-9.eE+-]+)"', xml)
    unit = re.search(r'PhysicalSizeXUnit="([^"]+)"', xml)
    factor = _OME_UNITS.get(unit.group(1) if unit else "µm")
    return float(size.group(1)) * factor if size and factor else None
