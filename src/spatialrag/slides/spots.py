"""Spots on a slide: names, positions, the image and its pixel size."""

import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from spatialrag.errors import InputError, listing, raise_all
from spatialrag.names import clean_names, clean_part
from spatialrag.slides.pixel_size import PixelSize


@dataclass(frozen=True, eq=False)
class Spots:
    """Where the spots of one slide are; all that prediction needs besides a bank.

    Parameters
    ----------
    slide
        Name of the slide.
    spots : (n_spots,)
        Names, unique within the slide.
    xy : (n_spots, 2)
        Centres, full-resolution pixels of ``image``.
    image
        The H&E file.
    mpp
        µm per pixel; ``mpp_source`` says where the number comes from.

    Examples
    --------
    >>> spots = sr.Spots("new", ["a", "b"], [[100, 120], [300, 120]], mpp=1.0)
    >>> len(spots.spots)
    2
    """

    slide: str
    spots: np.ndarray
    xy: np.ndarray
    image: Path | None = None
    mpp: float | None = None
    mpp_source: str = "unknown"

    def __post_init__(self) -> None:
        object.__setattr__(self, "slide", clean_part(self.slide))
        names, notes = clean_names(
            self.spots, kind="spot", subject=f"slide {self.slide!r}", unique=False
        )
        for note in notes:
            warnings.warn(note, stacklevel=3)
        object.__setattr__(self, "spots", names)
        object.__setattr__(self, "xy", np.asarray(self.xy, dtype=np.float64))
        values, counts = np.unique(names, return_counts=True)
        faults = [f"duplicate spot names: {listing(values[counts > 1])}"] * bool((counts > 1).any())
        if self.xy.shape != (len(self.spots), 2):
            faults.append(f"xy is {self.xy.shape}, expected ({len(self.spots)}, 2)")
        elif not np.isfinite(self.xy).all():
            faults.append("xy contains NaN or inf")
        raise_all(faults, subject=f"slide {self.slide!r}")
        if self.mpp is not None:
            PixelSize(self.mpp, f"{self.mpp_source}, slide {self.slide!r}")

    def select(self, names: np.ndarray) -> "Spots":
        """Return these of the spots alone, in their order."""
        rows = pd.Index(self.spots).get_indexer(names)
        if (rows < 0).any():
            raise InputError(f"{self.slide!r} has no spots {listing(np.asarray(names)[rows < 0])}")
        return replace(self, spots=self.spots[rows], xy=self.xy[rows])

    def require_mpp(self) -> float:
        """Return µm per pixel.

        Raises
        ------
        InputError
            It is unknown.
        """
        if self.mpp is None:
            raise InputError(
                f"the pixel size of slide {self.slide!r} is unknown",
                expected="µm per pixel (mpp): patches are squares in µm",
                fix="add an mpp column to slides.csv, pass mpp=…, or give the spot pitch in µm "
                "(pitch_um) to derive it; a JPEG's dpi is not its mpp",
            )
        return self.mpp

    def require_image(self) -> Path:
        """Return the image's path, or raise `InputError` when there is none."""
        if self.image is None:
            raise InputError(
                f"slide {self.slide!r} has no image",
                expected="an H&E file to cut patches from",
                fix="name it in slides.csv (column image), or build a bank without an encoder",
            )
        return self.image


def spot_pitch(xy: np.ndarray) -> float:
    """Return the median distance between a spot and its nearest neighbor, in the units of ``xy``.

    Parameters
    ----------
    xy : (n_spots, 2)
        At least two spots.
    """
    return float(np.median(cKDTree(xy).query(xy, k=2)[0][:, 1]))
