"""Tiles of a patch, each embedded as a patch of its own: what lies where within a spot."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from spatialrag.encoders.embedding import embed, side_of
from spatialrag.encoders.encoder import Encoder, PatchEncoder, is_concurrent, require_patch_encoder
from spatialrag.errors import InputError, listing
from spatialrag.expression.section import Section
from spatialrag.progress import track
from spatialrag.provenance import fingerprint
from spatialrag.slides.spots import Spots


@dataclass(frozen=True, eq=False)
class Tiles:
    """Vectors of the tiles of every spot.

    Parameters
    ----------
    spots
        Slide to spot names.
    vectors
        Slide to (n_spots, n_tiles, dim) float32.

    Examples
    --------
    >>> tiles = Tiles({"toy4": np.array(["a"])}, {"toy4": np.ones((1, 9, 4), np.float32)})
    """

    spots: dict[str, np.ndarray]
    vectors: dict[str, np.ndarray]

    @cached_property
    def fingerprint(self) -> str:
        """Content hash."""
        parts = [(s, self.spots[s].tolist(), self.vectors[s]) for s in sorted(self.spots)]
        return fingerprint(*(part for slide in parts for part in slide))

    def of(self, slide: str, spots: np.ndarray) -> np.ndarray:
        """Return the tiles (n_spots, n_tiles, dim) of these spots.

        Raises
        ------
        InputError
            The slide or some of its spots have none.
        """
        if slide not in self.spots:
            raise InputError(f"slide {slide!r} has no tiles", got=f"slides {listing(self.spots)}")
        rows = pd.Index(self.spots[slide]).get_indexer(spots)
        if (rows < 0).any():
            raise InputError(f"spots of {slide!r} have no tiles: {listing(spots[rows < 0])}")
        return self.vectors[slide][rows]


@dataclass(frozen=True, eq=False)
class TileEncoder:
    """An encoder applied to each tile of a grid over the patch; its vector is theirs in a row."""

    encoder: PatchEncoder
    grid: int

    @property
    def name(self) -> str:
        """Of the encoder and the grid."""
        return f"{self.encoder.name}_tiles{self.grid}"

    @property
    def fingerprint(self) -> str:
        """Of the encoder and the grid."""
        return fingerprint("tiles", self.grid, self.encoder.fingerprint)

    @property
    def concurrent(self) -> bool:
        """Whether the encoder wants several batches at once."""
        return is_concurrent(self.encoder)

    @property
    def size_px(self) -> int:
        """Side of the whole patch, pixels."""
        return self.grid * self.encoder.size_px

    def encode(self, patches: np.ndarray) -> np.ndarray:
        """Return (n, grid * grid * dim), tiles row by row."""
        n, px = len(patches), self.encoder.size_px
        cut = patches.reshape(n, self.grid, px, self.grid, px, 3).swapaxes(2, 3)
        vectors = self.encoder.encode(np.ascontiguousarray(cut.reshape(-1, px, px, 3)))
        return vectors.reshape(n, -1)


def embed_tiles(
    slides: Sequence[Spots | Section],
    *,
    encoder: str | Encoder = "color",
    grid: int = 3,
    patch_um: float | None = None,
    cache: str | Path | None = None,
) -> Tiles:
    """Return the tiles of the spots of slides.

    Parameters
    ----------
    slides
        Positions on images of known µm per pixel.
    encoder
        Encoder of patches, the one the bank was embedded with.
    grid
        Tiles along a side; 3 gives nine.
    patch_um, cache
        As in `spatialrag.embed`; the tiles cover the same patch.

    Examples
    --------
    >>> tiles = embed_tiles([sections[3].located], grid=2, cache=cache)
    >>> tiles.vectors["toy4"].shape
    (56, 4, 154)
    """
    made = require_patch_encoder(encoder, needed_for="cutting them into tiles")
    if grid < 1:
        raise InputError("grid must be at least 1", got=str(grid))
    spots, vectors = {}, {}
    for slide in track(slides, label="tiles", total=len(slides)):
        found = embed(
            slide,
            encoder=TileEncoder(made, grid),
            patch_um=side_of(made, patch_um),
            context=0,
            cache=cache,
            batch=max(1, 32 // grid**2),
        )
        spots[found.slide] = found.spots
        vectors[found.slide] = found.vectors.reshape(len(found.spots), grid * grid, -1)
    return Tiles(spots, vectors)
