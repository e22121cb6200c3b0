"""AnnData in files: one reader for h5ad and Zarr, whose error says what the file is; one writer."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import zarr
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.file_kind import kind_of, reading, refusal, require_file

EXPECTED = "an AnnData file (h5ad)"
_STORE = "an AnnData store (Zarr)"
_MARKS = ("zarr.json", ".zgroup", ".zattrs")
# Bytes of like rank together deflate as well at the fastest level as they do plain at the fourth.
_COMPRESSION = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


def read_anndata(path: str | Path, *, only: Sequence[str] | None = None) -> ad.AnnData:
    """Read an h5ad file, or a Zarr store of AnnData.

    Parameters
    ----------
    path
        What it is is told from its content.
    only
        Parts that are needed, such as ``("obs", "obsm", "uns")``: others are neither read nor
        need to be there or whole. All when absent.

    Raises
    ------
    InputError
        No such file, one of another kind, or one that is cut short or was changed by a program
        that writes AnnData wrongly.
    """
    path = Path(path)
    if is_zarr(path):
        return _read_store(path, only)
    require_file(path)
    if kind_of(path).key != "h5ad":
        raise refusal(path, EXPECTED)
    with reading(path, EXPECTED, fix="open it with anndata, and write it again with write_h5ad"):
        if only is not None:
            with h5py.File(path) as file:
                if (some := _parts(file, only)) is not None:
                    return some
        return ad.read_h5ad(path)


def write_h5ad(adata: ad.AnnData, path: str | Path) -> None:
    """Write an h5ad file whose numbers are compressed in a way that every HDF5 library reads.

    Parameters
    ----------
    adata
        What is written.
    path
        Replaced where it exists.

    Examples
    --------
    >>> write_h5ad(ad.AnnData(np.eye(2)), "written.h5ad")
    >>> read_anndata("written.h5ad").shape
    (2, 2)
    """
    adata.strings_to_categoricals()  # as anndata's own writer does
    if adata.raw is not None:
        adata.strings_to_categoricals(adata.raw.var)
    with h5py.File(path, "w") as file:
        write_parts(file, adata, lambda _: _COMPRESSION)
        if adata.raw is None:
            file.pop("raw", None)  # older readers know no such entry


def write_parts(
    group: h5py.Group | zarr.Group,
    adata: ad.AnnData,
    layout: Callable[[np.ndarray], Mapping[str, object]],
) -> None:
    """Write AnnData into a group, arrays of numbers with storage options of their own.

    Parameters
    ----------
    group
        Empty.
    adata
        What is written.
    layout
        Returns the options of ``create_dataset`` or ``create_array`` for an array of numbers that
        is not empty; of a sparse matrix it is asked for the stored values.
    """

    def write(
        function: Callable[..., None],
        group: h5py.Group | zarr.Group,
        key: str,
        element: Any,
        dataset_kwargs: dict[str, Any],
        iospec: object,  # noqa: ARG001  (anndata's calling convention)
    ) -> None:
        array = element.data if sparse.issparse(element) else element
        if (
            isinstance(array, np.ndarray)
            and array.dtype.kind in "biuf"
            and array.ndim
            and array.size
        ):
            dataset_kwargs = {**dataset_kwargs, **layout(array)}
        function(group, key, element, dataset_kwargs=dataset_kwargs)

    ad.experimental.write_dispatched(group, "/", adata, callback=write)


def is_zarr(path: Path) -> bool:
    """Return whether a folder is a Zarr store."""
    return path.is_dir() and any((path / mark).is_file() for mark in _MARKS)


def _read_store(path: Path, only: Sequence[str] | None) -> ad.AnnData:
    with reading(path, _STORE):
        group = zarr.open_group(path, mode="r")
        names = set(group)
    if "tables" in names and "obs" not in names:
        tables = sorted(each.name for each in (path / "tables").iterdir() if each.is_dir())
        example = path / "tables" / (tables[0] if tables else "table")
        raise InputError(
            f"{path.name} is a SpatialData store, not AnnData",
            expected=_STORE,
            got=f"tables {', '.join(tables) or 'none'}",
            fix=f"give the table itself: {example}",
        )
    if not {"obs", "var"} <= names:
        raise InputError(
            f"{path.name} is a Zarr store of something else",
            expected=_STORE,
            got=str(sorted(names)),
        )
    with reading(path, _STORE):
        some = None if only is None else _parts(group, only)
        return ad.read_zarr(path) if some is None else some


def _parts(group: "h5py.File | zarr.Group", only: Sequence[str]) -> ad.AnnData | None:
    """Return an AnnData of some parts; None for files older than the format that allows it."""
    parts = {name: ad.io.read_elem(group[name]) for name in only if name in group}
    tables = [parts[name] for name in ("obs", "var") if name in parts]
    if not all(isinstance(table, pd.DataFrame) for table in tables):
        return None
    return ad.AnnData(**parts)
