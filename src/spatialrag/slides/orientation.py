"""Orientation as EXIF and TIFF state it (tag 274): how stored rows and columns are to be shown."""

from dataclasses import dataclass

import numpy as np

TAG = 274


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways in which a picture may be stored.

    Parameters
    ----------
    code
        1 to 8; anything else counts as 1, as stored.
    """

    code: int = 1

    @property
    def swapped(self) -> bool:
        """Rows are stored as columns."""
        return self.code in (5, 6, 7, 8)

    @property
    def flipped_x(self) -> bool:
        """Right is stored left, once rows and columns are in place."""
        return self.code in (2, 3, 6, 7)

    @property
    def flipped_y(self) -> bool:
        """The bottom is stored at the top, once rows and columns are in place."""
        return self.code in (3, 4, 7, 8)

    def shown_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return width and height as shown of those as stored."""
        return (size[1], size[0]) if self.swapped else size

    def stored_rectangle(
        self, rectangle: tuple[int, int, int, int], shown: tuple[int, int]
    ) -> tuple[int, int, int, int]:
        """Return x, y, width, height as stored of a rectangle of the picture as shown.

        Parameters
        ----------
        rectangle
            x, y, width, height as shown; it may leave the picture.
        shown
            Width and height of the picture as shown.
        """
        x, y, width, height = rectangle
        x = shown[0] - x - width if self.flipped_x else x
        y = shown[1] - y - height if self.flipped_y else y
        return (y, x, height, width) if self.swapped else (x, y, width, height)

    def show(self, pixels: np.ndarray) -> np.ndarray:
        """Return stored pixels (height, width, 3) as they are shown."""
        pixels = pixels.swapaxes(0, 1) if self.swapped else pixels
        pixels = pixels[:, ::-1] if self.flipped_x else pixels
        pixels = pixels[::-1] if self.flipped_y else pixels
        return np.ascontiguousarray(pixels)
