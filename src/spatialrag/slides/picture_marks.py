"""What tells a picture from any other, small enough to be kept with the bank of its slide."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spatialrag.provenance import fingerprint
from spatialrag.slides.slide import Slide, open_slide, thumbnail

LONGEST = 512  # pixels of the look from which marks are made, longer side
_BLANK = 2.0  # standard deviation of the look, of 255: a plain sheet is a copy of nothing


@dataclass(frozen=True)
class PictureMarks:
    """Marks of one picture.

    Parameters
    ----------
    image_hash
        SHA-256 of the pixels of a look of `LONGEST` pixels and of the full size: equal for the
        same pixels under any file name and in any lossless format. ``""`` where unknown.
    """

    image_hash: str = ""

    @property
    def columns(self) -> dict[str, str]:
        """The marks as text by column, as a bank keeps them in its table of slides."""
        return {"image_hash": self.image_hash}

    @classmethod
    def of_columns(cls, columns: Mapping[str, object]) -> "PictureMarks":
        """Return the marks that `columns` turned into text; unknown where a column is absent."""
        return cls(str(columns.get("image_hash", "")))


def mark_picture(slide: Slide) -> PictureMarks:
    """Return the marks of an opened picture; no marks of one that shows nothing."""
    look, _ = thumbnail(slide, longest=LONGEST)
    if look.std() < _BLANK:
        return PictureMarks()
    return PictureMarks(fingerprint(np.array(slide.size), look))


def mark_image(path: str | Path) -> PictureMarks:
    """Return the marks of an H&E file.

    Raises
    ------
    InputError
        As `spatialrag.slides.open_slide`.
    """
    slide = open_slide(path)
    try:
        return mark_picture(slide)
    finally:
        slide.close()
