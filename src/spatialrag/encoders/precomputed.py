"""Vectors computed elsewhere, joined to spots by name or by place."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from spatialrag.encoders.vector_files import VectorFile, read_vectors
from spatialrag.errors import InputError, listing
from spatialrag.provenance import fingerprint
from spatialrag.slides.spots import Spots

LIMIT = 0.1


class Precomputed:
    """Vectors from arrays or files, joined by spot name, else by place; never by row.

    A spot takes the vector of its name. Where vectors carry no names, it takes that of the tile
    whose centre is nearest, if the spot's centre lies in the tile.

    Parameters
    ----------
    vectors
        Slide name to what `read_vectors` returns, or to (spot names, (n, dim) array).
    name
        Name of the encoder that made them.
    limit
        Largest share of a slide's spots that may be without a vector; these are left out.
    """

    def __init__(
        self,
        vectors: dict[str, VectorFile | tuple[np.ndarray, np.ndarray]],
        *,
        name: str = "precomputed",
        limit: float = LIMIT,
    ) -> None:
        if not 0 <= limit < 1:
            raise InputError("limit is a share of spots, 0 up to 1", got=str(limit))
        self.name, self.limit = name, limit
        self._vectors = {
            slide: each if isinstance(each, VectorFile) else VectorFile(each[1], np.array(each[0]))
            for slide, each in vectors.items()
        }
        dims = {each.vectors.shape[1] for each in self._vectors.values()}
        if len(dims) != 1:
            raise InputError("precomputed vectors must be (n, dim) with one dim", got=f"{dims}")
        # Vectors of different slides belong together: only the maker's name and dim identify them.
        self.fingerprint = fingerprint("precomputed", name, next(iter(dims)))

    def lookup(self, spots: Spots) -> np.ndarray:
        """Return the vectors (n_spots, dim) of these spots, NaN where a spot has none.

        Raises
        ------
        InputError
            No vectors for the slide, or more spots without one than ``limit`` allows.
        """
        if spots.slide not in self._vectors:
            raise InputError(
                f"no precomputed vectors for slide {spots.slide!r}",
                got=f"slides {listing(self._vectors)}",
            )
        found = self._vectors[spots.slide]
        row = _by_name(found, spots)
        if row is None:
            row = _by_place(found.centres, found.side, spots.xy)
        without = row < 0
        if without.mean() > self.limit:
            raise InputError(
                f"{without.sum()} of {len(row)} spots of {spots.slide!r} have no "
                f"precomputed vector: {listing(spots.spots[without])}",
                expected=f"at most {self.limit:.0%} without",
                fix=_advice(found, spots, without),
            )
        vectors = np.asarray(found.vectors, np.float32)[row]
        vectors[without] = np.nan
        return vectors


def _by_name(found: VectorFile, spots: Spots) -> np.ndarray | None:
    """Return rows by name, -1 where there is none; None when no name is known but places are."""
    if found.names is None:
        return None
    row = pd.Index(found.names).get_indexer(spots.spots)
    return None if (row < 0).all() and found.centres is not None and found.side else row


def _by_place(centres: np.ndarray, side: float, xy: np.ndarray) -> np.ndarray:
    """Return rows of the nearest tile, -1 where the spot's centre lies outside of it."""
    distance, row = cKDTree(centres).query(xy, p=np.inf)
    return np.where(distance <= side / 2, row, -1)


def _advice(found: VectorFile, spots: Spots, without: np.ndarray) -> str:
    """Return what to do; where another reading of the coordinates fits, that."""
    general = "drop these spots, embed them, or pass Precomputed(…, limit=…)"
    if found.centres is None or not found.side:
        return general
    as_centres = _by_place(found.centres - found.side / 2, found.side, spots.xy) >= 0
    if as_centres.sum() > 2 * (~without).sum():
        return (
            f"{as_centres.mean():.0%} would fit if coords were centres of tiles, not their "
            "top-left corners: write coords - patch size / 2"
        )
    inside = found.centres.min(axis=0), found.centres.max(axis=0)
    return (
        f"{general}. Tiles lie at x {inside[0][0]:.0f} to {inside[1][0]:.0f}, y "
        f"{inside[0][1]:.0f} to {inside[1][1]:.0f}; spots at x {spots.xy[:, 0].min():.0f} to "
        f"{spots.xy[:, 0].max():.0f}: are both in pixels of the full resolution?"
    )


def from_spec(argument: str) -> Precomputed:
    """Return the encoder for ``precomputed:FOLDER``: one file per slide, named after it.

    ``FOLDER#TABLE`` names the table of LazySlide stores that hold several.
    """
    path, _, table = argument.partition("#")
    folder = Path(path)
    files = sorted(folder.glob("*")) if folder.is_dir() else []
    files = [p for p in files if p.is_file() or p.suffix == ".zarr"]
    if not files:
        raise InputError(
            f"no precomputed vectors in {path!r}",
            expected="precomputed:FOLDER with <slide>.h5, .pt, .npz, .h5ad, .zarr (LazySlide), "
            ".csv, .tsv or .parquet",
        )
    vectors = {path.name.split(".")[0]: read_vectors(path, table=table) for path in files}
    return Precomputed(vectors, name=table or folder.name)
