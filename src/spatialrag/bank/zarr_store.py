"""An AnnData Zarr store that is replaced in one step and checked on opening.

A store is never changed in place. The new one is written beside the old, then two renames switch
them: ``bank.zarr`` to ``.bank.zarr.old``, ``.bank.zarr.new`` to ``bank.zarr``. A process killed in
between leaves the old store whole under one of the two names, and opening puts it back.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anndata as ad
import numpy as np
import pandas as pd
import zarr
from scipy import sparse

from spatialrag import keys
from spatialrag.errors import BankError, InputError, raise_all

Record = TypeVar("Record")

_CHUNK = 1 << 18  # elements of a one-dimensional chunk
_SHARD = 1 << 22
_ROWS = 256  # rows per chunk of matrices and pictures: spots are read in small groups


@dataclass(frozen=True)
class StoreKind:
    """What a store holds, its schema version, and how users make one.

    Parameters
    ----------
    name
        Recorded in ``uns['spatialrag']['kind']``.
    schema
        Highest version this package reads.
    made_by
        The command that makes such a store, for messages.
    """

    name: str
    schema: int
    made_by: str


def write_store(
    adata: ad.AnnData, path: str | Path, kind: StoreKind, *, overwrite: bool = False
) -> Path:
    """Write a store; an existing one is replaced in one step, or left untouched by a failure.

    Raises
    ------
    InputError
        The path exists and ``overwrite`` is not set, or it is not a store of this kind.
    """
    path = Path(path)
    recover(path)
    if path.exists():
        if not overwrite:
            raise InputError(f"{path} exists", fix="choose another path, or overwrite=True")
        _check_kind(_read_record(path, kind), path, kind)
    aside, old = _aside(path)
    shutil.rmtree(aside, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _write(adata, aside)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    if path.exists():
        path.rename(old)
    aside.rename(path)
    shutil.rmtree(old, ignore_errors=True)
    return path


def read_store(path: str | Path, kind: StoreKind) -> ad.AnnData:
    """Read a store after checking its kind and schema.

    Raises
    ------
    BankError
        Nothing there, another kind, a newer schema, or files that cannot be read.
    """
    path = Path(path)
    recover(path)
    record = _read_record(path, kind)
    _check_kind(record, path, kind)
    if record.get("schema", 0) > kind.schema:
        raise BankError(
            f"{path} was written by a newer spatialrag",
            expected=f"{kind.name} schema {kind.schema} or older",
            got=f"schema {record['schema']}",
            fix="upgrade spatialrag",
        )
    try:
        return ad.read_zarr(path)
    except Exception as error:
        raise damaged(path, f"{type(error).__name__}: {error}") from error


def parse(adata: ad.AnnData, path: str | Path, build: Callable[[ad.AnnData], Record]) -> Record:
    """Return what ``build`` makes of a store's AnnData; whatever fails means a damaged store."""
    try:
        return build(adata)
    except InputError:
        raise
    except Exception as error:
        raise damaged(Path(path), f"{type(error).__name__}: {error}") from error


def check_hashes(
    recorded: pd.Series, hash_of: Callable[[str], str], *, part: str, path: str | Path
) -> None:
    """Raise `InputError` that lists every part whose content is not what was written.

    Parameters
    ----------
    recorded
        Hash of each part, by name.
    hash_of
        Hashes a part as it is now.
    part
        What one is called: slide, data set.
    path
        The store, for the message.
    """
    raise_all(
        [
            f"{part} {name!r} is not what was written"
            for name, expected in recorded.items()
            if hash_of(name) != expected
        ],
        subject=str(path),
        fix=f"rebuild it, or remove each such {part} and add it again",
    )


def recover(path: Path) -> None:
    """Put the old store back when a switch was interrupted, and clear leftovers."""
    old = _aside(path)[1]
    if old.exists() and not path.exists():
        old.rename(path)
    elif old.exists():
        shutil.rmtree(old, ignore_errors=True)


def damaged(path: Path, what: str) -> BankError:
    """Return the error for content that is not what was written."""
    return BankError(f"{path} is damaged or was edited", got=what, fix="restore a copy, or rebuild")


def _aside(path: Path) -> tuple[Path, Path]:
    return path.with_name(f".{path.name}.new"), path.with_name(f".{path.name}.old")


def _read_record(path: Path, kind: StoreKind) -> dict[str, Any]:
    """Read ``uns['spatialrag']`` alone."""
    if not path.exists():
        raise BankError(f"{path} does not exist", fix=f"make one: {kind.made_by}")
    try:
        return ad.io.read_elem(zarr.open_group(path, mode="r")[f"uns/{keys.RECORD}"])
    except Exception as error:
        raise BankError(
            f"{path} is not a spatialrag {kind.name}",
            expected=f"an AnnData Zarr store with uns[{keys.RECORD!r}]",
            got=f"{type(error).__name__}: {error}",
        ) from error


def _check_kind(record: dict[str, Any], path: Path, kind: StoreKind) -> None:
    found = str(record.get("kind", "bank"))  # banks of the first release carry no kind
    if found != kind.name:
        raise BankError(
            f"{path} is not a {kind.name}",
            expected=f"what `{kind.made_by}` writes",
            got=f"a store of the kind {found!r}",
        )


def _write(adata: ad.AnnData, path: Path) -> None:
    """Write with explicit chunks and shards: few files, rows read in small groups."""

    def write(
        function: Callable[..., None],
        group: zarr.Group,
        key: str,
        element: object,
        dataset_kwargs: dict[str, Any],
        iospec: object,  # noqa: ARG001  (anndata's calling convention)
    ) -> None:
        array = element.data if sparse.issparse(element) else element
        layout = _layout(array) if isinstance(array, np.ndarray) else {}
        function(group, key, element, dataset_kwargs={**dataset_kwargs, **layout})

    with ad.settings.override(auto_shard_zarr_v3=False):
        group = zarr.open_group(path, mode="w", zarr_format=3)
        ad.experimental.write_dispatched(group, "/", adata, callback=write)
    _synchronize(path)


def _layout(array: np.ndarray) -> dict[str, tuple[int, ...]]:
    if array.dtype.kind not in "biuf" or array.size == 0 or array.ndim == 0:
        return {}
    if array.ndim == 1:
        return {"chunks": (_CHUNK,), "shards": (_SHARD,)}
    rest = array.shape[1:]
    return {"chunks": (_ROWS, *rest), "shards": (_ROWS * 64, *rest)}


def _synchronize(folder: Path) -> None:
    """Flush every file, so that the renames never overtake the data."""
    for file in folder.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
