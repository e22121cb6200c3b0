"""µm per pixel of a section: whatever is known of it must agree, and one source is believed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spatialrag.errors import InputError
from spatialrag.slides.mpp import derive_mpp
from spatialrag.slides.pixel_size import PixelSize, parse_mpp, reconcile
from spatialrag.slides.slide import Slide, opened

GIVEN, IMAGE, PITCH, FILE = "given", "image", "pitch", "file"
SOURCES = (GIVEN, IMAGE, PITCH, FILE)


@dataclass(frozen=True)
class Picture:
    """What is known of an image without decoding it: where it is, and its stated mpp."""

    path: Path | None = None
    mpp: float | None = None


def look_at(image: str | Path | Slide | None) -> Picture:
    """Return what an image, or an open slide, states of its pixel size."""
    if image is None:
        return Picture()
    with opened(image) as slide:
        return Picture(slide.path, slide.mpp)


def known_sizes(
    *,
    mpp: float | str | None,
    picture: Picture,
    xy: np.ndarray | None,
    pitch_um: float | None,
    stated: Sequence[PixelSize],
) -> dict[str, list[PixelSize]]:
    """Return every statement of µm per pixel, by its source, the one believed first at the front.

    Parameters
    ----------
    mpp
        As the user gave it.
    picture
        The image.
    xy, pitch_um
        Spot centres, and the distance of neighbors in µm that the user gave.
    stated
        What came with the expression.
    """
    found: dict[str, list[PixelSize]] = {source: [] for source in SOURCES}
    if mpp is not None:
        found[GIVEN].append(parse_mpp(mpp))
    if picture.mpp:
        found[IMAGE].append(PixelSize(picture.mpp, "file"))
    if pitch_um is not None and xy is not None:
        found[PITCH].append(derive_mpp(xy, pitch_um=pitch_um))
    found[FILE] += stated
    return found


def choose_size(
    found: Mapping[str, Sequence[PixelSize]], *, slide: str, believed: str | None = None
) -> tuple[PixelSize | None, tuple[str, ...]]:
    """Return the pixel size, None when nothing is known, and a note when sources disagree.

    Parameters
    ----------
    found
        From `known_sizes`.
    slide
        For messages.
    believed
        One of ``SOURCES``: believed although others disagree, which is then noted.

    Raises
    ------
    InputError
        Sources differ by more than 20 % and none is believed, or the believed one says nothing.
    """
    everything = [size for sizes in found.values() for size in sizes]
    if believed is None:
        try:
            return reconcile(everything, slide=slide), ()
        except InputError as error:
            there = [source for source, sizes in found.items() if sizes]
            raise InputError(
                f"{error}\n  or:       say which to believe: mpp_from={' or '.join(there)} "
                "(column mpp_from of slides.csv)"
            ) from error
    if believed not in SOURCES or not found[believed]:
        raise InputError(
            f"mpp_from={believed!r} says nothing of slide {slide!r}",
            expected=f"one of {', '.join(source for source, sizes in found.items() if sizes)}",
        )
    chosen = found[believed][0]
    others = [f"{size.mpp:.4g} ({size.source})" for size in everything if size is not chosen]
    said = f"µm per pixel of {slide}: {chosen.mpp:.4g} ({chosen.source}) believed over "
    return chosen, (said + ", ".join(others),) * bool(others)
