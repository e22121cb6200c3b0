"""Files of vectors as others write them: keyed by spot, or by where a tile lies.

TRIDENT and CLAM write ``features`` and ``coords`` (top-left corners, full-resolution pixels), CLAM
also ``.pt`` beside it; HEST-bench writes ``embeddings`` and ``barcodes``; LazySlide writes a table
in a Zarr store whose tiles are polygons.
"""

from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd

from spatialrag.anndata_file import read_anndata
from spatialrag.errors import InputError, MissingDependencyError, listing
from spatialrag.expression.places import places_of
from spatialrag.expression.table import read_numbers
from spatialrag.file_kind import reading
from spatialrag.names import clean_names
from spatialrag.tensor_file import read_tensor

_ARRAYS = ("embeddings", "features")
_NAMES = ("barcodes", "barcode", "spots")
_SIDES = ("patch_size_level0", "patch_size_src")


@dataclass(frozen=True, eq=False)
class VectorFile:
    """Vectors of one slide and what they are joined by.

    Parameters
    ----------
    vectors : (n, dim)
    names : (n,), optional
        Spot names.
    centres : (n, 2), optional
        Centres of tiles, pixels of the full resolution.
    side
        Side of tiles, pixels of the full resolution.
    """

    vectors: np.ndarray
    names: np.ndarray | None = None
    centres: np.ndarray | None = None
    side: float = 0.0

    def require_centres(self) -> np.ndarray:
        """Return the centers of the tiles, or raise `InputError` where they are unknown."""
        if self.centres is None:
            raise InputError("the vectors say neither which spots nor which tiles they are of")
        return self.centres

    def __post_init__(self) -> None:
        vectors = np.asarray(self.vectors)
        if vectors.ndim != 2 or vectors.dtype.kind not in "biuf":
            raise InputError("vectors must be numbers, (n, dim)", got=_shape(vectors))
        if not vectors.size:
            raise InputError("vectors are empty", got=_shape(vectors))
        odd = ~np.isfinite(vectors).all(axis=1)
        if (odd != np.isnan(vectors).all(axis=1)).any():
            raise InputError(
                "vectors contain NaN or inf",
                expected="finite numbers; NaN throughout where a spot has no vector",
                got=f"{int(odd.sum())} such vectors",
            )
        if self.names is not None:
            names, _ = clean_names(self.names, kind="spot", subject="a file of vectors")
            object.__setattr__(self, "names", names)
        for what, rows in (("names", self.names), ("places", self.centres)):
            if rows is not None and len(rows) != len(vectors):
                raise InputError(f"{len(rows)} {what} for {len(vectors)} vectors")
        if self.centres is not None and not np.isfinite(self.centres).all():
            raise InputError("places of tiles contain NaN or inf")


def _shape(array: np.ndarray) -> str:
    return f"{array.dtype} {array.shape}"


def read_vectors(path: Path, *, table: str = "") -> VectorFile:
    """Read vectors from h5, pt, npz, h5ad, a LazySlide store, CSV, TSV or Parquet.

    Parameters
    ----------
    path
        The file, or the ``.zarr`` folder.
    table
        Which table of a LazySlide store.

    Raises
    ------
    InputError
        Another kind of file, one that is damaged, or vectors without names or places, or with
        names that repeat.
    """
    suffix = path.suffix.lower()
    readers = {
        ".h5": _read_h5,
        ".hdf5": _read_h5,
        ".pt": _read_pt,
        ".npz": _read_npz,
        ".h5ad": lambda found: _of_anndata(read_anndata(found)),
        ".zarr": lambda found: _read_store(found, table),
    }
    read = readers.get(suffix, _read_table)
    with reading(path, "vectors of spots or tiles"):
        return read(path)


def _read_npz(path: Path) -> VectorFile:
    with np.load(path, allow_pickle=False) as file:
        return _keyed(dict(file), path)


def _read_table(path: Path) -> VectorFile:
    frame = read_numbers(path, kind="spot")
    return VectorFile(frame.to_numpy(np.float32), frame.index.to_numpy(str))


def _read_h5(path: Path) -> VectorFile:
    with h5py.File(path) as file:
        arrays = {key: file[key][:] for key in file if isinstance(file[key], h5py.Dataset)}
        if "coords" not in arrays or any(key in arrays for key in _NAMES):
            return _keyed(arrays, path)
        vectors = next((arrays[key] for key in _ARRAYS if key in arrays), None)
        if vectors is None:
            raise InputError(f"{path.name} holds no vectors", got=listing(arrays))
        corners, side = _tiles(file, path)
    # TRIDENT gives its features a leading axis of 1 at times.
    return VectorFile(vectors.reshape(len(corners), -1), None, corners + side / 2, side)


def _tiles(file: h5py.File, path: Path) -> tuple[np.ndarray, float]:
    """Return corners and side of tiles, full-resolution pixels."""
    coords = file["coords"]
    stated = {**file.attrs, **coords.attrs}
    for key in _SIDES:
        if key in stated:
            return coords[:].astype(np.float64), float(stated[key])
    if "patch_size" in stated:  # CLAM: pixels of a level
        step = np.mean(stated.get("downsample", 1.0))
        if int(stated.get("patch_level", 0)) == 0 or "downsample" in stated:
            return coords[:].astype(np.float64), float(stated["patch_size"]) * float(step)
    sibling = path.parent.parent / "patches" / path.name
    if sibling.is_file() and sibling != path:
        with h5py.File(sibling) as other:
            return _tiles(other, sibling)
    raise InputError(
        f"{path.name} does not say how large its tiles are",
        expected=f"an attribute {' or '.join(_SIDES)} of coords (TRIDENT), or patch_size and "
        "patch_level (CLAM), here or in ../patches/ beside it",
        got=listing(stated) or "no attributes",
    )


def _read_pt(path: Path) -> VectorFile:
    """Read CLAM's tensor of features; where its tiles lie is in an h5 of the same name."""
    folders = (path.parent, path.parent.parent / "h5_files", path.parent.parent / "patches")
    beside = next(
        (f / f"{path.stem}.h5" for f in folders if (f / f"{path.stem}.h5").is_file()), None
    )
    if beside is None:
        raise InputError(
            f"{path.name} does not say which tile a vector is of",
            expected=f"{path.stem}.h5 with coords beside it, in ../h5_files or in ../patches",
        )
    vectors = read_tensor(path)
    with h5py.File(beside) as file:
        corners, side = _tiles(file, beside)
    if len(vectors) != len(corners):
        raise InputError(
            f"{path.name} and {beside.name} are of different tiles",
            expected=f"{len(corners)} vectors",
            got=str(len(vectors)),
        )
    return VectorFile(vectors, None, corners + side / 2, side)


def _keyed(arrays: dict[str, np.ndarray], path: Path) -> VectorFile:
    vectors = next((arrays[key] for key in _ARRAYS if key in arrays), None)
    names = next((arrays[key] for key in _NAMES if key in arrays), None)
    if vectors is None or names is None:
        raise InputError(
            f"{path.name} has no keyed vectors",
            expected=f"an array {' or '.join(_ARRAYS)}, and names {' or '.join(_NAMES)} or coords",
            got=listing(arrays),
        )
    return VectorFile(vectors, np.asarray(names).ravel())


def _of_anndata(adata: ad.AnnData) -> VectorFile:
    matrix = adata.X.toarray() if hasattr(adata.X, "toarray") else np.asarray(adata.X)
    centres, _ = places_of(adata.obsm, adata.obs, subject="a file of vectors")
    return VectorFile(matrix, adata.obs_names.to_numpy(object), centres)


def _read_store(path: Path, table: str) -> VectorFile:
    found = sorted(p.name for p in (path / "tables").glob("*") if p.is_dir())
    if not found:
        return _of_anndata(read_anndata(path))
    if table not in found and len(found) > 1:
        raise InputError(
            f"{path.name} has several tables of vectors",
            expected=f"one of {', '.join(found)}",
            got=repr(table),
            fix="name it after the folder: precomputed:FOLDER#TABLE",
        )
    adata = read_anndata(path / "tables" / (table or found[0]))
    tiles = _read_tiles(path / "shapes" / str(adata.uns["spatialdata_attrs"]["region"]))
    low, high = tiles.loc[adata.obs["tile_id"]].to_numpy().reshape(-1, 2, 2).swapaxes(0, 1)
    side = float(np.median(high - low))
    return VectorFile(np.asarray(adata.X), None, (low + high) / 2, side)


def _read_tiles(folder: Path) -> pd.DataFrame:
    """Return the bounds (x, y, x, y) of the tiles of a LazySlide store, by ``tile_id``."""
    try:
        import pyarrow.parquet
        import shapely
    except ImportError as error:
        raise MissingDependencyError(
            "pyarrow and shapely", extra="lazyslide", needed_for="tiles of a LazySlide store"
        ) from error
    frame = pyarrow.parquet.read_table(folder / "shapes.parquet").to_pandas().reset_index()
    return pd.DataFrame(
        shapely.bounds(shapely.from_wkb(frame["geometry"].to_numpy())), index=frame["tile_id"]
    )
