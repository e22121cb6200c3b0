"""Patches: squares of tissue in µm, centred on spots."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spatialrag.errors import InputError, listing
from spatialrag.pipeline import computed_ahead
from spatialrag.slides.pixels import fit
from spatialrag.slides.readings import other_readings
from spatialrag.slides.slide import MultiSizeSlide, Slide, opened
from spatialrag.slides.spots import Spots

_FEW = 0.2  # share of the spots that may lie outside the picture
_AT_ONCE = 64  # patches cut by one thread before the next
_LARGEST = 4  # sides of patches, in longer sides of the picture
_LARGEST_THUMBNAIL = 1024  # pixels: a bank of 2,000 spots holds 6 GB of them


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

    Examples
    --------
    >>> PatchGrid(section.xy, section.spots, side_um=100.0, mpp=1.0).side_um
    100.0
    """

    xy: np.ndarray
    spots: np.ndarray
    side_um: float
    mpp: float

    def __post_init__(self) -> None:
        if not np.isfinite(self.xy).all():
            raise InputError("spot coordinates contain NaN or inf", fix="drop these spots")
        for name, length in (("patch side", self.side_um), ("pixel size", self.mpp)):
            if not (np.isfinite(length) and length > 0):
                raise InputError(f"the {name} is {length} µm", expected="a positive length")

    @property
    def side_px(self) -> int:
        """Side of the square in full-resolution pixels."""
        return max(1, round(self.side_um / self.mpp))


def check_side(grid: PatchGrid, slide: Slide) -> None:
    """Raise `InputError` when patches are far larger than the picture they are cut from."""
    if grid.side_px > _LARGEST * max(slide.size):
        raise InputError(
            f"patches of {grid.side_um:g} µm are far larger than {slide.path.name}",
            expected=f"at most {_LARGEST * max(slide.size) * grid.mpp:.4g} µm",
            got=f"{grid.side_px} pixels at {grid.mpp:g} µm per pixel; the picture has "
            f"{slide.size[0]} x {slide.size[1]}",
            fix="give a smaller patch_um, or the right mpp",
        )


def check_thumbnail_px(size_px: int) -> None:
    """Raise `InputError` when patch pictures of this side cannot be kept.

    Parameters
    ----------
    size_px
        Side of the pictures, pixels; 0 for none.
    """
    if not 0 <= size_px <= _LARGEST_THUMBNAIL:
        raise InputError(
            f"patch pictures cannot have {size_px} pixels a side",
            expected=f"0 (none) to {_LARGEST_THUMBNAIL} (thumbnail_px)",
            fix="64 are enough for figures of citations, 224 for looking closely",
        )


def find_outside(spots: Spots, slide: Slide) -> np.ndarray:
    """Return which spots have their centres outside the picture, (n_spots,) bool.

    Raises
    ------
    InputError
        More than one in five: the picture or the scale is wrong.
    """
    outside = _outside(spots.xy, slide.size)
    if outside.sum() > _FEW * len(outside):
        width, height = slide.size
        (x, y), names = spots.xy.T, spots.spots[outside]
        raise InputError(
            f"{outside.sum()} of {len(outside)} spots of {spots.slide!r} lie outside the image "
            f"{slide.path.name}",
            expected=f"0 <= x <= {width}, 0 <= y <= {height} (full-resolution pixels)",
            got=f"x {x.min():.0f} to {x.max():.0f}, y {y.min():.0f} to {y.max():.0f}; "
            f"first: {listing(names)}",
            fix="give the full-resolution image these coordinates index, or rescale them"
            + _explained(spots, slide.size),
        )
    return outside


def drop_outside(spots: Spots, slide: Slide | None = None) -> Spots:
    """Return the spots whose centres lie on the picture; a few others are left out, and said.

    Parameters
    ----------
    spots
        On an image.
    slide
        Their image, if it is open already.

    Raises
    ------
    InputError
        As `find_outside`.
    """
    with opened(slide or spots.require_image()) as slide:
        outside = find_outside(spots, slide)
    if not outside.any():
        return spots
    warnings.warn(
        f"{outside.sum()} of {len(outside)} spots of slide {spots.slide!r} lie outside its image "
        f"{slide.path.name} and are left out: {listing(spots.spots[outside])}",
        stacklevel=2,
    )
    return spots.select(spots.spots[~outside])


def _outside(xy: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.any((xy < 0) | (xy > size), axis=1)


def _explained(spots: Spots, size: tuple[int, int]) -> str:
    """Return the reading of the numbers under which the spots would lie inside, in words."""
    for reading in other_readings(spots.xy, size=size, mpp=spots.mpp):
        if not _outside(reading.xy, size).any():
            return f" (with {reading.words} all of them would lie inside)"
    return ""


def cut_patches(
    slide: Slide, grid: PatchGrid, *, sizes_px: Sequence[int], rows: slice = slice(None)
) -> list[np.ndarray]:
    """Return patches in spot order, each decoded once: a block of uint8 RGB for every size.

    Parameters
    ----------
    slide
        The slide, opened.
    grid
        Which squares.
    sizes_px
        Sides of the pictures, pixels. The first one decides at which resolution a slide that
        keeps several is decoded.
    rows
        Which of the spots.

    Returns
    -------
    blocks
        Arrays (n_spots, size_px, size_px, 3), in the order of ``sizes_px``.

    Examples
    --------
    >>> grid = PatchGrid(section.xy, section.spots, side_um=100.0, mpp=1.0)
    >>> slide = sr.open_slide(image)
    >>> cut_patches(slide, grid, sizes_px=[32], rows=slice(0, 4))[0].shape
    (4, 32, 32, 3)
    >>> slide.close()
    """
    side = grid.side_px
    corners = np.round(grid.xy[rows] - side / 2).astype(int).tolist()
    blocks = [np.empty((len(corners), size, size, 3), np.uint8) for size in sizes_px]
    for row, (x, y) in enumerate(corners):
        for block, picture in zip(blocks, _read(slide, x, y, side, sizes_px), strict=True):
            block[row] = picture
    return blocks


def _read(slide: Slide, x: int, y: int, side: int, sizes_px: Sequence[int]) -> list[np.ndarray]:
    """Return a square at each size; of a reader that knows one size, the first one shrunk."""
    sizes = [(size, size) for size in sizes_px]
    if isinstance(slide, MultiSizeSlide):
        return slide.read_sizes(x, y, side, side, sizes)
    first = slide.read_region(x, y, side, side, sizes[0])
    return [
        fit(first, size) if size <= sizes[0] else slide.read_region(x, y, side, side, size)
        for size in sizes
    ]


def cut_thumbnails(
    spots: Spots, *, patch_um: float, size_px: int, slide: Slide | None = None
) -> np.ndarray:
    """Return pictures of the patches of a slide's spots, (n_spots, size_px, size_px, 3) uint8.

    Parameters
    ----------
    spots
        Positions on an image of known µm per pixel; the picture of a spot outside is white.
    patch_um
        Side of the patches, µm.
    size_px
        Side of the pictures, pixels.
    slide
        Their image, if it is open already.

    Raises
    ------
    InputError
        No image, an unknown pixel size, patches far larger than the image, many spots outside.

    Examples
    --------
    >>> cut_thumbnails(section.located, patch_um=100.0, size_px=16).shape
    (56, 16, 16, 3)
    """
    with opened(slide or spots.require_image()) as slide:
        grid = PatchGrid(spots.xy, spots.spots, patch_um, spots.require_mpp())
        check_side(grid, slide)
        find_outside(spots, slide)
        pieces = [slice(start, start + _AT_ONCE) for start in range(0, len(grid.xy), _AT_ONCE)]

        def cut(rows: slice) -> np.ndarray:
            return cut_patches(slide, grid, sizes_px=(size_px,), rows=rows)[0]

        with computed_ahead(cut, pieces) as blocks:
            return np.concatenate(list(blocks))
