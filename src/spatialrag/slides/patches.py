"""Patches: squares of tissue in µm, centred on spots."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spatialrag.errors import InputError, listing
from spatialrag.slides.slide import Slide


@dataclass(frozen=True)
class PatchGrid:
    """Which squares to cut from a slide.

    Parameters
    ----------
    xy : (n_spots, 2)
        Spot centres, full-resolution pixels.
    spots
        Their names.
    side_um
        Side of the square, µm.
    mpp
        µm per pixel of the slide.
    """

    xy: np.ndarray
    spots: np.ndarray
    side_um: float
    mpp: float

    def __post_init__(self) -> None:
        if not np.isfinite(self.xy).all():
            raise InputError("spot coordinates contain NaN or inf", fix="drop these spots")
        if self.side_um <= 0:
            raise InputError(f"the patch side is {self.side_um} µm", expected="a positive length")

    @property
    def side_px(self) -> int:
        """Side of the square in full-resolution pixels."""
        return max(1, round(self.side_um / self.mpp))


def check_inside(grid: PatchGrid, slide: Slide) -> None:
    """Raise when spot centres lie outside the slide (a wrong image or a wrong scale)."""
    width, height = slide.size
    x, y = grid.xy.T
    outside = (x < 0) | (y < 0) | (x > width) | (y > height)
    if outside.any():
        raise InputError(
            f"{outside.sum()} of {len(x)} spots lie outside the image {slide.path.name}",
            expected=f"0 <= x <= {width}, 0 <= y <= {height} (full-resolution pixels)",
            got=f"x {x.min():.0f} to {x.max():.0f}, y {y.min():.0f} to {y.max():.0f}; "
            f"first: {listing(grid.spots[outside])}",
            fix="give the full-resolution image these coordinates index, or rescale them",
        )


def iterate_patches(
    slide: Slide, grid: PatchGrid, *, size_px: int, batch: int
) -> Iterator[np.ndarray]:
    """Yield patches in spot order as uint8 RGB, (≤ batch, size_px, size_px, 3)."""
    side = grid.side_px
    corners = np.round(grid.xy - side / 2).astype(int)
    for start in range(0, len(corners), batch):
        yield np.stack(
            [
                slide.read_region(int(x), int(y), side, side, (size_px, size_px))
                for x, y in corners[start : start + batch]
            ]
        )
