"""Platforms known by name, and the distance between the spots that each of them prints."""

import re

import numpy as np
from scipy.spatial import cKDTree

from spatialrag.errors import check_choice
from spatialrag.slides.mpp import derive_mpp
from spatialrag.slides.pixel_size import PixelSize, reconcile
from spatialrag.slides.spots import Spots

# Distance between neighboring spot or bin centres, µm. 10x Genomics prints Visium spots of 55 µm,
# 100 µm apart, and joins Visium HD bins of 2 µm to 8 and 16; Ståhl et al. 2016 printed spots of
# 100 µm, 200 µm apart.
PITCH_UM = {
    "Spatial Transcriptomics": 200.0,
    "Visium": 100.0,
    "Visium HD 2 µm": 2.0,
    "Visium HD 8 µm": 8.0,
    "Visium HD 16 µm": 16.0,
}
_HD_NAME = r"s_(002|008|016)um_\d+_\d+(?:\D.*)?"  # Space Ranger's names of bins
_VISIUM_NAME = r"(?:.*_)?[ACGT]{16}(?:-\d.*)?"
_MOST = 0.9  # share of the spots that must say so
_LIKE = 1.1  # distances within this factor count as one
_NEXT = 1.25  # halfway to the second nearest of a square lattice, at 1.41
_FEWEST = 10  # spots that may be called a lattice
_SAMPLE = 5000  # spots looked at


def platform_of(spots: Spots) -> str | None:
    """Return the platform that names and lattice of the spots tell, or None.

    Visium HD is told by Space Ranger's names of bins, Visium by its barcodes on a hexagonal
    lattice. Spatial Transcriptomics spots have no names of their own: their reader knows them.
    """
    names = np.asarray(spots.spots, dtype=str)
    if len(names) == 0:
        return None
    bins = [_first_group(_HD_NAME, name) for name in names]
    for width in ("002", "008", "016"):
        if np.mean([found == width for found in bins]) >= _MOST:
            return f"Visium HD {int(width)} µm"
    barcodes = np.mean([_first_group(f"({_VISIUM_NAME})", name) is not None for name in names])
    return "Visium" if barcodes >= _MOST and _neighbors_of_lattice(spots.xy) == 6 else None


def check_pitch(spots: Spots, *, platform: str | None = None) -> PixelSize | None:
    """Compare the pixel size of spots with the pitch of their platform; return what it implies.

    Parameters
    ----------
    spots
        With their pixel size, or without: then nothing is compared.
    platform
        A key of ``PITCH_UM``; what `platform_of` says when None. Spots of no known platform, and
        spots that do not form its lattice (a few of many), imply nothing.

    Raises
    ------
    InputError
        The two differ by more than 20 %: a downscaled image, or a wrong number.
    """
    platform = platform or platform_of(spots)
    pitch_um = None if platform is None else pitch_of(platform)
    if pitch_um is None or _neighbors_of_lattice(spots.xy) is None:
        return None
    implied = derive_mpp(spots.xy, pitch_um=pitch_um)
    implied = PixelSize(implied.mpp, f"{implied.source}, {platform}")
    if spots.mpp is not None:
        reconcile([PixelSize(spots.mpp, spots.mpp_source), implied], slide=spots.slide)
    return implied


def pitch_of(platform: str) -> float:
    """Return the distance between the spots of a platform, µm.

    Raises
    ------
    InputError
        The platform is unknown.
    """
    check_choice(platform, PITCH_UM, name="platform")
    return PITCH_UM[platform]


def _first_group(pattern: str, name: str) -> str | None:
    found = re.fullmatch(pattern, name)
    return found.group(1) if found else None


def _neighbors_of_lattice(xy: np.ndarray) -> int | None:
    """Return how many nearest neighbors a spot inside has, 4 or 6, or None without a lattice."""
    if len(xy) < _FEWEST:
        return None
    some = xy[:: max(1, len(xy) // _SAMPLE)]
    distance = cKDTree(xy).query(some, k=7)[0][:, 1:]
    pitch = np.median(distance[:, 0])
    if pitch == 0:
        return None
    regular = (distance[:, 0] > pitch / _LIKE) & (distance[:, 0] < pitch * _LIKE)
    if regular.mean() < _MOST:
        return None
    return 6 if (distance < pitch * _NEXT).sum(axis=1).max() > 4 else 4
