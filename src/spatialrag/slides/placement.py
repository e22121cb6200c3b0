"""Whether a picture and its spots belong together: how many spots lie off the tissue."""

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np

from spatialrag.slides.readings import other_readings
from spatialrag.slides.slide import Slide, opened
from spatialrag.slides.spots import Spots, spot_pitch
from spatialrag.slides.tissue import TissueMask, tissue_mask

# Arrays are read where there is tissue: of spots in place, one or two in a hundred miss it.
_NORMAL = 0.02
_DOUBTFUL = 0.1  # from here on spots and picture are doubted whatever the reason
_SHIFTED = 0.05  # a shift is fitted, so it is looked for from here on, and has to explain more
_RADIUS = 0.25  # of the pitch: spots of 50 to 55 µm at 100 µm, of 100 µm at 200 µm


@dataclass(frozen=True)
class Placement:
    """How the spots of one slide lie on its picture: scale and place, for records.

    Parameters
    ----------
    mpp, mpp_source
        µm per pixel, and where the number comes from.
    pitch_um
        Median distance between neighboring spots at that scale, µm; NaN of a single spot.
    n_spots
        Spots on the picture.
    n_off
        Spots of which less than half lies on tissue; None where the picture shows no glass.
    better
        The other reading of the numbers under which (nearly) all spots lie on tissue, or ``""``.
    """

    mpp: float
    mpp_source: str
    pitch_um: float
    n_spots: int
    n_off: int | None
    better: str = ""

    @property
    def off_tissue(self) -> float:
        """Share of the spots that lie off the tissue; NaN where it is unknown."""
        return float("nan") if self.n_off is None else self.n_off / self.n_spots

    @property
    def doubtful(self) -> bool:
        """Whether picture and spots do not seem to belong together."""
        if self.n_off is None:
            return False
        many = self.n_off > _DOUBTFUL * self.n_spots and (self.n_off > 1 or self.n_spots == 1)
        return many or bool(self.better)


def place(spots: Spots, slide: Slide | None = None) -> Placement:
    """Return how spots lie on their slide.

    A spot (a disc of half the pitch) lies off the tissue if less than half of it is on the tissue
    mask. Where more spots do than is normal, the other readings of the numbers are tried: swapped
    axes, mirrored and turned pictures, µm for pixels, a shift.

    Parameters
    ----------
    spots
        With their pixel size; at least one.
    slide
        Their image, if it is open already.
    """
    mpp = spots.require_mpp()
    with opened(slide or spots.require_image()) as slide:
        size, tissue = slide.size, tissue_mask(slide)
    pitch_px = spot_pitch(spots.xy) if len(spots.xy) > 1 else float("nan")
    n_off, better = None, ""
    if tissue.shows_glass:
        radius = tissue.scale * (_RADIUS * pitch_px if pitch_px > 0 else 27.5 / mpp)
        bare = _bare(tissue.mask, radius)
        n_off = _count(bare, spots.xy * tissue.scale)
        if n_off >= max(2, _NORMAL * len(spots.xy)):
            better = _better(bare, spots, tissue, size, n_off)
    return Placement(mpp, spots.mpp_source, pitch_px * mpp, len(spots.xy), n_off, better)


def warn_if_doubtful(placement: Placement, spots: Spots) -> None:
    """Warn, naming the slide, when picture and spots do not seem to belong together."""
    if not placement.doubtful:
        return
    image = spots.image.name if spots.image else "its image"
    reason = f"; with {placement.better}" if placement.better else ""
    if not reason:
        reason = ". Glass, another picture, another scale?"
    warnings.warn(
        f"picture and spots of slide {spots.slide!r} do not seem to belong together: "
        f"{placement.n_off} of {placement.n_spots} spots lie off the tissue of {image}{reason}",
        stacklevel=2,
    )


def _convolve(one: np.ndarray, other: np.ndarray, mode: Literal["same", "full"]) -> np.ndarray:
    # Slow to import, and only this needs it.
    from scipy.signal import fftconvolve

    return fftconvolve(one, other, mode=mode)


def _bare(mask: np.ndarray, radius: float) -> np.ndarray:
    """Return where the centre of a spot would be off the tissue, of the shape of the mask."""
    reach = int(np.ceil(max(radius, 0.5)))
    offset = np.arange(-reach, reach + 1)
    disc = (np.add.outer(offset**2, offset**2) <= max(radius, 0.5) ** 2).astype(np.float64)
    covered = _convolve(mask.astype(np.float64), disc / disc.sum(), "same")
    return covered.round(6) < 0.5


def _pixels_within(bare: np.ndarray, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels of places, and which of them lie within the picture."""
    pixels = np.floor(xy).astype(np.int64)
    return pixels, ((pixels >= 0) & (pixels < bare.shape[::-1])).all(axis=1)


def _count(bare: np.ndarray, xy: np.ndarray) -> int:
    pixels, within = _pixels_within(bare, xy)
    return int((~within).sum() + bare[pixels[within, 1], pixels[within, 0]].sum())


def _better(
    bare: np.ndarray, spots: Spots, tissue: TissueMask, size: tuple[int, int], n_off: int
) -> str:
    """Return the reading under which at most half as many spots are off, in words, or ``""``.

    A shift has two free parameters, so it has to leave a quarter of them.
    """
    n = len(spots.xy)
    readings = other_readings(spots.xy, size=size, mpp=spots.mpp)
    counts = [_count(bare, reading.xy * tissue.scale) for reading in readings]
    fewest = min(counts)
    words = readings[counts.index(fewest)].words
    if fewest > min(n_off / 2, _DOUBTFUL * n):
        fewest, words = n_off, ""
    if fewest > _NORMAL * n and n_off >= _SHIFTED * n:
        left, shift = _best_shift(bare, spots.xy * tissue.scale)
        if left <= min(n_off / 4, fewest / 2):
            x, y = (int(part) for part in np.round(shift / tissue.scale))
            fewest, words = left, f"all of them shifted by {x:+d}, {y:+d} pixels"
    return f"{words} {fewest} would" if words else ""


def _best_shift(bare: np.ndarray, xy: np.ndarray) -> tuple[int, np.ndarray]:
    """Return how few spots a shift leaves off the tissue, and the smallest such shift (x, y)."""
    pixels, within = _pixels_within(bare, xy)
    counts = np.zeros(bare.shape)
    np.add.at(counts, (pixels[within, 1], pixels[within, 0]), 1)
    # Spots on tissue at every shift: a correlation of the two.
    on = _convolve((~bare).astype(np.float64), counts[::-1, ::-1], "full").round()
    row, column = np.nonzero(on == on.max())
    shifts = np.column_stack([column, row]) - np.subtract(bare.shape[::-1], 1)
    shift = shifts[np.argmin((shifts**2).sum(axis=1))]
    return int(len(xy) - on.max()), shift
