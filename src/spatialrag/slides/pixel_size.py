"""µm per pixel with where the number comes from, and the rule that sources must agree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spatialrag.errors import InputError

_PLAUSIBLE = (0.05, 20.0)
_SQUARE = 1.05  # width and height of a pixel may differ by this factor
TOLERANCE = 1.2  # two statements of one pixel size may differ by this factor


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


def plausible(mpp: float) -> float | None:
    """Return µm per pixel, or None when it cannot be one of tissue.

    72 to 600 dpi are screen and print defaults (353 to 42 µm per pixel), not a measurement.
    """
    return mpp if _PLAUSIBLE[0] <= mpp <= _PLAUSIBLE[1] else None


def square_side(sides: Sequence[float], *, name: str) -> float | None:
    """Return the side of pixels, µm, or None when it is no length in tissue.

    Parameters
    ----------
    sides
        Width and height of a pixel, as far as they are stated.
    name
        The file, for the message.

    Raises
    ------
    InputError
        Pixels that are not square: patches would be distorted.
    """
    if not sides or plausible(sides[0]) is None:
        return None
    if max(sides) > _SQUARE * min(sides):
        raise InputError(
            f"the pixels of {name} are not square",
            expected="one size in µm for width and height",
            got=" x ".join(f"{side:.4g}" for side in sides) + " µm",
            fix="resample the picture, or correct its metadata",
        )
    return sides[0]


def parse_mpp(value: object, *, source: str = "given") -> PixelSize:
    """Return the pixel size that a cell of a table or an argument states.

    Parameters
    ----------
    value
        A number, or text that is one with a decimal point.
    source
        Where it was read, for messages and records.

    Raises
    ------
    InputError
        The text is no number (a decimal comma, a unit), or the number is not plausible.
    """
    try:
        number = float(str(value))
    except (TypeError, ValueError) as error:
        text = str(value).strip()
        comma = text.replace(",", ".", 1)
        is_number = comma != text and comma.replace(".", "", 1).isdecimal()
        raise InputError(
            "the pixel size is not a number",
            expected="µm per pixel with a decimal point, e.g. 0.5",
            got=f"{text!r} ({source})",
            fix=f"write {comma}" if is_number else "write the number alone, without its unit",
        ) from error
    return PixelSize(number, source)


def reconcile(sources: Sequence[PixelSize], *, slide: str) -> PixelSize | None:
    """Return the first of several statements of one pixel size, or None when there is none.

    Parameters
    ----------
    sources
        The one to be trusted first: what the user gave, what files state, what is derived.
    slide
        Name of the slide, for the message.

    Raises
    ------
    InputError
        Two of them differ by more than 20 %: one is wrong, and nobody knows which.
    """
    if not sources:
        return None
    values = [source.mpp for source in sources]
    if max(values) > TOLERANCE * min(values):
        raise InputError(
            f"the pixel size of slide {slide!r} is stated differently by different sources",
            expected=f"µm per pixel that agree within {TOLERANCE - 1:.0%}",
            got="; ".join(f"{source.mpp:.4g} ({source.source})" for source in sources),
            fix="find out which is right (the image may be a downscaled copy of the one that the "
            "spots index), and correct the other",
        )
    return sources[0]
