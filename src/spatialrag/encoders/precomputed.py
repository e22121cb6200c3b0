"""Vectors computed elsewhere, joined to spots by name or by place."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from spatialrag.encoders.vector_files import VectorFile, read_vectors
from spatialrag.errors import InputError, listing
from spatialrag.file_names import file_name
from spatialrag.names import clean_part
from spatialrag.provenance import fingerprint
from spatialrag.slides.spots import Spots

LIMIT = 0.1
_TABLES = (".csv", ".tsv")
_SUFFIXES = {
    ".h5", ".hdf5", ".pt", ".npz", ".h5ad", ".zarr", ".parquet", *_TABLES,
    *(f"{suffix}.gz" for suffix in _TABLES),
}  # fmt: skip


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

    Examples
    --------
    >>> names, vectors = np.array(["a", "b"]), np.ones((2, 8), np.float32)
    >>> Precomputed({"slide": (names, vectors)}).name
    'precomputed'
    """

    def __init__(
        self,
        vectors: Mapping[str, VectorFile | tuple[np.ndarray, np.ndarray]],
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
        # `spatialrag embed` names its files so that every file system takes them.
        name = spots.slide if spots.slide in self._vectors else file_name(spots.slide)
        if name not in self._vectors:
            raise InputError(
                f"no precomputed vectors for slide {spots.slide!r}",
                got=f"slides {listing(self._vectors)}",
                fix="name the file exactly as the slide",
            )
        found = self._vectors[name]
        row = _by_name(found, spots)
        if row is None:
            row = _by_place(found.require_centres(), found.side, spots.xy)
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
    found = _files_by_slide(Path(path))
    vectors = {slide: read_vectors(file, table=table) for slide, file in found.items()}
    return Precomputed(vectors, name=table or Path(path).name)


def _files_by_slide(folder: Path) -> dict[str, Path]:
    """Return the file of each slide: its exact name less the suffix; hidden files are no slides."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        suffix = "".join(path.suffixes[-2:] if path.suffix.lower() == ".gz" else path.suffixes[-1:])
        kept = path.is_file() or suffix.lower() == ".zarr"
        if kept and suffix.lower() in _SUFFIXES and not path.name.startswith("."):
            found.setdefault(path.name[: -len(suffix)], []).append(path)
    if not found:
        raise InputError(
            f"no precomputed vectors in {str(folder)!r}",
            expected="precomputed:FOLDER with <slide>.h5, .pt, .npz, .h5ad, .zarr (LazySlide), "
            ".csv, .tsv or .parquet",
        )
    chosen = {slide: _one_file(slide, paths) for slide, paths in found.items()}
    return {clean_part(slide): path for slide, path in chosen.items()}


def _one_file(slide: str, paths: list[Path]) -> Path:
    suffixes = {path.suffix.lower(): path for path in paths}
    if set(suffixes) == {".pt", ".h5"}:  # CLAM's tensor, and where its tiles lie
        return suffixes[".pt"]
    if len(paths) > 1:
        raise InputError(
            f"several files of vectors for slide {slide!r}",
            expected="one file per slide",
            got=listing(path.name for path in paths),
            fix="keep the one that is meant",
        )
    return paths[0]
