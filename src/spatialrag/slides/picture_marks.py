"""What tells a picture from any other, small enough to be kept with the bank of its slide."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spatialrag.provenance import fingerprint
from spatialrag.slides.keypoints import find_keypoints
from spatialrag.slides.slide import Slide, opened, thumbnail

_LONGEST = 512  # pixels of the look from which marks are made, longer side
_BLANK = 2.0  # standard deviation of the look, of 255: a plain sheet is a copy of nothing


@dataclass(frozen=True)
class PictureMarks:
    """Marks of one picture.

    Parameters
    ----------
    image_hash
        SHA-256 of the full size and of the pixels of a look at the whole slide, 512 pixels on the
        longer side: equal for the same pixels under any file name and in any lossless format.
        ``""`` where unknown.
    keypoints
        `Keypoints` of the same look as text, by which `likeness` finds pictures that were saved
        again, resized, cut or turned; ``""`` where unknown.
    """

    image_hash: str = ""
    keypoints: str = ""

    @property
    def columns(self) -> dict[str, str]:
        """The marks as text by column, as a bank keeps them in its table of slides."""
        return {"image_hash": self.image_hash, "image_keypoints": self.keypoints}

    @classmethod
    def of_columns(cls, columns: Mapping[str, object]) -> "PictureMarks":
        """Return the marks that `columns` turned into text; unknown where a column is absent."""
        return cls(*(str(columns.get(name, "")) for name in cls().columns))


def mark_picture(image: str | Path | Slide) -> PictureMarks:
    """Return the marks of a picture; no marks of one that shows nothing.

    Parameters
    ----------
    image
        The H&E file, or the slide if it is open already.

    Raises
    ------
    InputError
        As `spatialrag.slides.open_slide`.
    """
    with opened(image) as slide:
        look, _ = thumbnail(slide, longest=_LONGEST)
        size = np.array(slide.size)
    if look.std() < _BLANK:
        return PictureMarks()
    return PictureMarks(fingerprint(size, look), find_keypoints(look).text)
