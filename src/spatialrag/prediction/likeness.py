"""Whether a query slide looks like the slides of its bank: what is far from them is said.

Retrieval answers whatever it is asked: of a blurred, grey or foreign picture too. Five facts of a
query are compared with the same facts of the bank's own slides, each against the others. None needs
counts, so that they are known before anything is predicted; none of them proves an error.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from spatialrag.bank.bank import Bank
from spatialrag.encoders.embeddings import Embeddings
from spatialrag.slides.platforms import PITCH_UM

_CONTRAST = 0.45  # mean |log ratio| of spreads within a slide
_CONTRAST_TO_FEW = 0.7  # of a bank of one or two slides, which differ from each other by one draw
_ENOUGH = 20  # spots from which a spread is taken
_TIMES = 2.0  # as far from the bank's slides as these are from each other, at least
_SHARPNESS = 0.3  # log ratio: edges less or more sharp by a third
_SHARPNESS_TO_ONE = 0.5
_COLOUR = 0.7  # log ratio: half or twice as colourful
_OFF_TISSUE = 0.1  # share of spots beyond the bank's worst slide
_PITCH = 0.08  # relative
_UNEVEN = 0.2  # interquartile range of nearest distances, in medians: cells have .5 and more
_FLAT = 4.0  # grey levels: below, a patch is glass or black and has no edges to judge
_GREY = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Doubt:
    """One fact in which a query is unlike every slide of the bank.

    Parameters
    ----------
    fact
        ``contrast``, ``sharpness``, ``colour``, ``off_tissue`` or ``pitch``.
    value
        Of the query.
    lowest, highest
        Of the bank's slides.
    words
        A sentence for people.
    """

    fact: str
    value: float
    lowest: float
    highest: float
    words: str


def find_doubts(queries: Embeddings, bank: Bank) -> tuple[Doubt, ...]:
    r"""Return in what a query slide is unlike every slide of the bank.

    Parameters
    ----------
    queries
        Embedded as the bank was; with thumbnails, sharpness and colour are compared too.
    bank
        The references, without the query.

    Examples
    --------
    >>> find_doubts(queries, bank)
    ()

    Notes
    -----
    Contrast is the mean over dimensions of \|log(SD over the query's spots / mean SD over a slide's
    spots)\|. Sharpness is the median over patches of log(mean gradient / SD of grey levels) of the
    pictures that bank and query keep of them, colour the log of their median distance from grey.
    Limits were set on 22 honest folds of 12 slides and their damaged twins
    (`benchmarks/likeness.py`).
    """
    found = [
        _contrast(queries, bank),
        *_of_pictures(queries, bank),
        _off_tissue(queries, bank),
        _pitch(queries, bank),
    ]
    return tuple(doubt for doubt in found if doubt is not None)


def spread_of(vectors: np.ndarray) -> np.ndarray:
    """Return the log of each dimension's standard deviation over spots, (dim,).

    Parameters
    ----------
    vectors : (n, dim)
        Of one slide, standardized over the bank.
    """
    return np.log(vectors.std(axis=0) + 1e-3)


def sharpness_of(thumbnails: np.ndarray) -> float:
    """Return how sharp the pictures of patches are; NaN where none has anything to judge by.

    Parameters
    ----------
    thumbnails : (n, px, px, 3) uint8
    """
    grey = thumbnails @ _GREY
    across, down = np.diff(grey, axis=2)[:, :-1], np.diff(grey, axis=1)[:, :, :-1]
    gradient = np.sqrt(across**2 + down**2).mean(axis=(1, 2))
    contrast = grey.std(axis=(1, 2))
    judged = contrast > _FLAT
    if not judged.any():
        return float("nan")
    return float(np.median(np.log((gradient[judged] + 0.5) / (contrast[judged] + 1))))


def colour_of(thumbnails: np.ndarray) -> float:
    """Return how colourful patches are, log(1 + median distance from grey); NaN of glass alone.

    Parameters
    ----------
    thumbnails : (n, px, px, 3) uint8
    """
    judged = (thumbnails @ _GREY).std(axis=(1, 2)) > _FLAT
    if not judged.any():
        return float("nan")
    red, green, blue = np.moveaxis(thumbnails[judged].astype(float), -1, 0)
    distance = np.hypot(red - green, blue - green).mean(axis=(1, 2))
    return float(np.log1p(np.median(distance)))


def _contrast(queries: Embeddings, bank: Bank) -> Doubt | None:
    own = bank.require_encoder().own_dim
    vectors = bank.vectors[:, :own].astype(np.float64)
    mean, spread = vectors.mean(axis=0), vectors.std(axis=0) + 1e-9
    slides = [vectors[bank.slide_of == position] for position in range(len(bank.slides))]
    slides = [spread_of((slide - mean) / spread) for slide in slides if len(slide) >= _ENOUGH]
    if len(queries.vectors) < _ENOUGH or not slides:
        return None
    query = spread_of((queries.vectors[:, :own] - mean) / spread)
    value = _apart(query, slides)
    others = [
        _apart(slide, slides[:at] + slides[at + 1 :])
        for at, slide in enumerate(slides)
        if len(slides) > 1
    ]
    highest = max(others, default=0.0)
    least = _CONTRAST if len(slides) > 2 else _CONTRAST_TO_FEW
    if value <= max(least, _TIMES * highest):
        return None
    words = (
        f"its patches vary otherwise than on any slide of the bank ({value:.2f} of a log ratio on "
        f"average; slides of the bank differ by up to {highest:.2f}): another tissue, another "
        "picture, or places that are not those of the spots?"
    )
    return Doubt("contrast", value, 0.0, highest, words)


def _apart(one: np.ndarray, others: list[np.ndarray]) -> float:
    mean = np.log(np.mean(np.exp(others), axis=0))
    return float(np.abs(one - mean).mean())


def _of_pictures(queries: Embeddings, bank: Bank) -> list[Doubt | None]:
    if queries.thumbnails is None or bank.thumbnails is None:
        return []
    slides = [bank.thumbnails[bank.slide_of == at] for at in range(len(bank.slides))]
    asked = queries.thumbnails
    tolerance = _SHARPNESS if len(slides) > 1 else _SHARPNESS_TO_ONE
    sharp = _outside(sharpness_of(asked), [sharpness_of(slide) for slide in slides], tolerance)
    colour = _outside(colour_of(asked), [colour_of(slide) for slide in slides], _COLOUR)
    found: list[Doubt | None] = []
    if sharp is not None:
        words = (
            f"its picture is {sharp.words} sharp than any slide of the bank: out of focus, saved "
            "at another resolution, or of another tissue?"
        )
        found.append(replace(sharp, fact="sharpness", words=words))
    if colour is not None:
        words = (
            f"its picture is {colour.words} colourful than any slide of the bank: grey, or another "
            "stain?"
        )
        found.append(replace(colour, fact="colour", words=words))
    return found


def _outside(value: float, known: list[float], tolerance: float) -> Doubt | None:
    """Return by how much a logarithm is outside those of the bank, where that is too much."""
    finite = [each for each in known if np.isfinite(each)]
    if not finite or not np.isfinite(value):
        return None
    low, high = min(finite), max(finite)
    if low - tolerance <= value <= high + tolerance:
        return None
    said, by = ("less", low - value) if value < low else ("more", value - high)
    return Doubt("", value, low, high, f"{np.exp(by):.1f} times {said}")


def _off_tissue(queries: Embeddings, bank: Bank) -> Doubt | None:
    placement = queries.placement
    if (
        placement is None
        or not np.isfinite(placement.off_tissue)
        or "off_tissue" not in bank.slides
    ):
        return None
    known = bank.slides["off_tissue"].to_numpy(float)
    known = known[np.isfinite(known)]
    highest = float(known.max()) if len(known) else 0.0
    value = placement.off_tissue
    if value <= highest + _OFF_TISSUE:
        return None
    words = (
        f"{value:.0%} of its spots lie off the tissue (at most {highest:.0%} on slides of the "
        "bank): another picture, mirrored or swapped places, another scale?"
    )
    return Doubt("off_tissue", value, 0.0, highest, words)


def _pitch(queries: Embeddings, bank: Bank) -> Doubt | None:
    placement = queries.placement
    if placement is None or "pitch_um" not in bank.slides:
        return None
    if not _evenly_apart(queries.xy):
        return None
    known = bank.slides["pitch_um"].to_numpy(float)
    known = known[np.isfinite(known)]
    value = placement.pitch_um
    usual = np.concatenate([known, list(PITCH_UM.values())])
    if not len(known) or (np.abs(np.log(value / usual)) <= _PITCH).any():
        return None
    nearest = float(known[np.abs(np.log(known / value)).argmin()])
    words = (
        f"its spots are {value:.0f} µm apart, on the bank's slides {nearest:.0f}, and no known "
        f"platform has this distance: µm per pixel is {value / nearest:.2f} times the right one?"
    )
    return Doubt("pitch", value, float(known.min()), float(known.max()), words)


def _evenly_apart(xy: np.ndarray) -> bool:
    """Return whether places are printed spots rather than cells, whose distances vary."""
    if len(xy) < _ENOUGH:
        return False
    nearest = cKDTree(xy).query(xy, k=2)[0][:, 1]
    low, middle, high = np.percentile(nearest, [25, 50, 75])
    return bool(middle > 0 and (high - low) / middle < _UNEVEN)
