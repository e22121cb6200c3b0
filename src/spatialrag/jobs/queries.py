"""The slide that is asked about: its spots and its picture, opened once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from spatialrag.errors import InputError
from spatialrag.expression.read import read_positions
from spatialrag.slides.slide import Slide, opened
from spatialrag.slides.spots import Spots
from spatialrag.slides.tissue import grid_spots


@dataclass(frozen=True, eq=False)
class QuerySlide:
    """A slide whose spots are to be predicted.

    Parameters
    ----------
    slide
        Its name.
    image
        The H&E file; None where neither encoder nor grid needs one.
    spots
        A file of spot centres as `spatialrag.read_positions` takes it, the spots themselves, or
        None for a grid over the tissue.
    grid_um
        Distance between the spots of that grid, µm.
    mpp, pitch_um, mpp_from, library
        As in `spatialrag.read_positions`.

    Raises
    ------
    InputError
        A pitch without the spots that it would be the distance of.
    """

    slide: str
    image: Path | None = None
    spots: Path | Spots | None = None
    grid_um: float = 100.0
    mpp: float | None = None
    pitch_um: float | None = None
    mpp_from: str | None = None
    library: str | None = None

    def __post_init__(self) -> None:
        if self.spots is None and self.pitch_um is not None:
            raise InputError(
                "--pitch-um is the distance between given spots",
                expected="--spots with it",
                fix="without spots, give --mpp; --grid-um is the distance between the grid's",
            )

    @contextmanager
    def opened(self) -> Iterator[tuple[Spots, Slide | None]]:
        """Give the spots and, where there is an image, the slide, opened here and nowhere else."""
        image = self.spots.image if isinstance(self.spots, Spots) else self.image
        if image is None:
            yield self._locate(None), None
            return
        with opened(image) as slide:
            yield self._locate(slide), slide

    def _locate(self, slide: Slide | None) -> Spots:
        if isinstance(self.spots, Spots):
            return self.spots
        if self.spots is None:
            return grid_spots(slide, slide=self.slide, mpp=self.mpp, spacing_um=self.grid_um)
        return read_positions(
            self.spots,
            slide=self.slide,
            image=slide,
            mpp=self.mpp,
            pitch_um=self.pitch_um,
            library=self.library,
            mpp_from=self.mpp_from,
        )
