"""Vectors computed elsewhere, keyed by spot name."""

from pathlib import Path

import h5py
import numpy as np

from spatialrag.errors import InputError, listing
from spatialrag.expression.table import read_frame
from spatialrag.provenance import fingerprint
from spatialrag.slides.spots import Spots

_ARRAYS = ("embeddings", "features")
_NAMES = ("barcodes", "barcode", "spots")


class Precomputed:
    """Vectors from arrays or files, joined by spot name, never by row.

    Parameters
    ----------
    vectors
        Slide name to (spot names, (n, dim) array).
    name
        Name of the encoder that made them.
    """

    def __init__(
        self, vectors: dict[str, tuple[np.ndarray, np.ndarray]], *, name: str = "precomputed"
    ) -> None:
        self.name = name
        self._vectors = vectors
        dims = {np.shape(array)[1:] for _, array in vectors.values()}
        if len(dims) != 1 or len(next(iter(dims))) != 1:
            raise InputError("precomputed vectors must be (n, dim) with one dim", got=f"{dims}")
        # Vectors of different slides belong together: only the maker's name and dim identify them.
        self.fingerprint = fingerprint("precomputed", name, next(iter(dims))[0])

    def lookup(self, spots: Spots) -> np.ndarray:
        """Return the vectors (n_spots, dim) of these spots."""
        if spots.slide not in self._vectors:
            raise InputError(
                f"no precomputed vectors for slide {spots.slide!r}",
                got=f"slides {listing(self._vectors)}",
            )
        names, array = self._vectors[spots.slide]
        row = {str(name): i for i, name in enumerate(names)}
        missing = [name for name in spots.spots if name not in row]
        if missing:
            raise InputError(
                f"{len(missing)} of {len(spots.spots)} spots of {spots.slide!r} have no "
                f"precomputed vector: {listing(missing)}",
                fix="drop these spots, or embed them",
            )
        return np.asarray(array, np.float32)[[row[name] for name in spots.spots]]


def read_vectors(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read (spot names, vectors) from h5 (``embeddings`` + ``barcodes``), npz, or a table."""
    if path.suffix in {".h5", ".hdf5"}:
        with h5py.File(path) as file:
            return _pick({key: file[key][:] for key in file}, path)
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            return _pick(dict(file), path)
    frame = read_frame(path)
    return frame.index.to_numpy(), frame.to_numpy(np.float32)


def _pick(arrays: dict[str, np.ndarray], path: Path) -> tuple[np.ndarray, np.ndarray]:
    vectors = next((arrays[key] for key in _ARRAYS if key in arrays), None)
    names = next((arrays[key] for key in _NAMES if key in arrays), None)
    if vectors is None or names is None:
        raise InputError(
            f"{path.name} has no keyed vectors",
            expected=f"an array {' or '.join(_ARRAYS)} and names {' or '.join(_NAMES)}",
            got=listing(arrays),
        )
    names = np.asarray(names).ravel()
    decoded = [n.decode() if isinstance(n, bytes) else str(n) for n in names]
    return np.array(decoded), vectors


def from_spec(argument: str) -> Precomputed:
    """Return the encoder for ``precomputed:FOLDER``: one file per slide, named after it."""
    folder = Path(argument)
    files = [p for p in sorted(folder.glob("*")) if p.is_file()] if folder.is_dir() else []
    if not files:
        raise InputError(
            f"no precomputed vectors in {argument!r}",
            expected="precomputed:FOLDER with <slide>.h5, .npz, .csv, .tsv or .parquet",
        )
    vectors = {path.name.split(".")[0]: read_vectors(path) for path in files}
    return Precomputed(vectors, name=folder.name)
