"""Other ways in which the numbers of spots may have been meant, each with its words."""

from dataclasses import dataclass

import numpy as np

_SAME = 1.05  # a pixel of about 1 µm: pixels and µm are alike


@dataclass(frozen=True, eq=False)
class Reading:
    """One way to read the places of spots.

    Parameters
    ----------
    words
        What would have to be so, after "with" in a sentence.
    xy : (n_spots, 2)
        The places then, pixels.
    """

    words: str
    xy: np.ndarray


def other_readings(
    xy: np.ndarray, *, size: tuple[int, int], mpp: float | None = None
) -> list[Reading]:
    """Return what the same numbers mean if axes, orientation or unit are other than stated.

    Parameters
    ----------
    xy : (n_spots, 2)
        Places as given, pixels.
    size
        Width and height of the picture, pixels.
    mpp
        µm per pixel; without it units are not doubted.
    """
    (width, height), (x, y) = size, xy.T
    places = {
        "x and y swapped": (y, x),
        "the picture mirrored left to right": (width - x, y),
        "the picture mirrored top to bottom": (x, height - y),
        "the picture turned by 180 degrees": (width - x, height - y),
        "the picture turned by 90 degrees clockwise": (width - y, x),
        "the picture turned by 90 degrees counterclockwise": (y, height - x),
        "x and y swapped and the picture turned by 180 degrees": (width - y, height - x),
    }
    if mpp is not None and not 1 / _SAME < mpp < _SAME:
        places["µm taken for pixels"] = (x / mpp, y / mpp)
        places["pixels taken for µm"] = (x * mpp, y * mpp)
    return [Reading(words, np.column_stack(pair)) for words, pair in places.items()]
