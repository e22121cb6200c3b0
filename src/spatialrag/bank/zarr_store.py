"""An AnnData Zarr store that is replaced whole and checked on opening.

A store is never changed in place. One writer at a time, held by a lock, writes a new generation
beside the old one; two renames switch them (a folder cannot be replaced by one). Every generation
has an identity of its own in the attributes of its root, and a reader looks at it before and after:
where it changed in between, the reader starts again, so that what it returns is one generation. A
writer killed between the renames leaves the old generation beside its place, and the next reader
or writer puts it back.
"""

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal, TypeVar

import anndata as ad
import numpy as np
import zarr
from zarr.errors import ZarrUserWarning

from spatialrag import keys
from spatialrag.anndata_file import write_parts
from spatialrag.asides import beside, resolve
from spatialrag.bank.checked_text import checked_text
from spatialrag.errors import BankError, InputError
from spatialrag.file_kind import kind_of
from spatialrag.locks import locked
from spatialrag.provenance import fingerprint
from spatialrag.replace import is_moved_aside, recover_folder, replace_folder

Record = TypeVar("Record")

ZARR_FORMAT: Literal[3] = 3
# Attributes of the root.
GENERATION = "spatialrag-generation"  # another one for every writing
CHUNKS = "spatialrag-chunks"  # how many files hold values
_TRIES = 20  # readings before writers are locked out
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
    """Write a store; an existing one is replaced whole, or left untouched by a failure.

    Raises
    ------
    InputError
        The path exists and ``overwrite`` is not set, it is not a store of this kind, another
        process writes it, or it cannot be written.
    """
    path = Path(path)
    with exclusive(path) as place:
        if place.exists():
            if not overwrite:
                raise InputError(f"{path} exists", fix="choose another path, or overwrite=True")
            _check_kind(_read_record(place, kind), path, kind)
        replace_store(adata, place)
    return path


def require_store(path: str | Path, kind: StoreKind) -> None:
    """Raise `BankError` unless a store of this kind is there; reads its record alone."""
    place = resolve(path)
    read_whole(place, lambda: _check_kind(_read_record(place, kind, Path(path)), Path(path), kind))


@contextmanager
def exclusive(path: str | Path) -> Iterator[Path]:
    """Hold a store's lock; yield the place that its path names, links followed.

    What is read of the store in the block stays true until the block ends.

    Raises
    ------
    InputError
        Another process writes it.
    """
    place = resolve(path)
    with locked(place):
        recover_folder(place)
        yield place


def replace_store(adata: ad.AnnData, place: Path) -> None:
    """Write a new generation of a store that the caller holds (see `exclusive`)."""
    with replace_folder(place) as aside:
        _write(adata, aside)


def read_store(path: str | Path, kind: StoreKind) -> ad.AnnData:
    """Read one generation of a store after checking its kind and schema.

    Raises
    ------
    BankError
        Nothing there, another kind, a newer schema, or files that cannot be read.
    """
    place = resolve(path)
    return read_whole(place, lambda: _read(place, Path(path), kind))


def read_whole(place: Path, read: Callable[[], Record]) -> Record:
    """Return what ``read`` makes of one generation of a store.

    Where the store is replaced meanwhile, what was read or raised is dropped and read again; after
    some tries with its writers locked out.
    """
    for _ in range(_TRIES):
        before = _state(place)
        failure: Exception | None = None
        try:
            found = read()
        except Exception as error:  # noqa: BLE001  (of a half-replaced store anything may come)
            failure = error
        if before is not None and _state(place) == before:
            break
        if is_moved_aside(place):
            with exclusive(place):
                pass  # a live writer has put the new one there by now, else the old one is back
        elif not beside(place, ".lock").exists() and not place.exists():
            break  # neither a store nor a writer
    else:
        with exclusive(place):
            return read()
    if failure is not None:
        raise failure
    return found


def _state(place: Path) -> tuple[int, int, str] | None:
    """Return what is another for every generation, and None where nothing is there."""
    try:
        folder = place.stat()
        root = next((place / n for n in ("zarr.json", ".zattrs") if (place / n).is_file()), None)
        content = "" if root is None else fingerprint(root)
    except OSError:
        return None
    # Two renames bring an interrupted switch back: the same generation, at another time.
    return folder.st_ino, folder.st_ctime_ns, content


def _read(place: Path, path: Path, kind: StoreKind) -> ad.AnnData:
    record = _read_record(place, kind, path)
    _check_kind(record, path, kind)
    try:
        schema = int(record.get("schema", 0))
    except (TypeError, ValueError) as error:
        raise damaged(path, f"a schema that is no number: {record['schema']!r}") from error
    if schema > kind.schema:
        raise BankError(
            f"{path} was written by a newer spatialrag",
            expected=f"{kind.name} schema {kind.schema} or older",
            got=f"schema {schema}",
            fix="upgrade spatialrag",
        )
    try:
        with checked_text():
            adata = ad.read_zarr(place)
        written = zarr.open_group(place, mode="r").attrs.get(CHUNKS)
    except Exception as error:
        raise damaged(path, f"{type(error).__name__}: {error}") from error
    _check_chunks(place, path, written)
    return adata


def _check_chunks(place: Path, path: Path, written: object) -> None:
    """Raise where chunks are lost: Zarr takes one that is not there for an empty one.

    Stores of earlier versions do not say how many they have.
    """
    found = _n_chunks(place)
    if isinstance(written, int) and found < written:
        raise damaged(path, f"{written - found} of {written} chunks are lost")


def _n_chunks(place: Path) -> int:
    """Return how many files hold values, which Zarr v3 puts under ``c``."""
    files = (file.relative_to(place) for file in place.rglob("*") if file.is_file())
    return sum("c" in file.parts for file in files)


def parse(adata: ad.AnnData, path: str | Path, build: Callable[[ad.AnnData], Record]) -> Record:
    """Return what ``build`` makes of a store's AnnData; whatever fails means a damaged store."""
    try:
        return build(adata)
    except InputError:
        raise
    except Exception as error:
        raise damaged(Path(path), f"{type(error).__name__}: {error}") from error


def damaged(path: Path, what: str) -> BankError:
    """Return the error for content that is not what was written."""
    return BankError(f"{path} is damaged or was edited", got=what, fix="restore a copy, or rebuild")


def _read_record(place: Path, kind: StoreKind, path: Path | None = None) -> dict[str, Any]:
    """Read ``uns['spatialrag']`` alone."""
    path = path or place
    if not place.exists():
        raise BankError(f"{path} does not exist", fix=f"make one: {kind.made_by}")
    found = kind_of(place)
    if found.key != "store":
        raise BankError(
            f"{path} is not a spatialrag {kind.name}",
            expected=f"what `{kind.made_by}` writes: a Zarr store, which is a folder",
            got=found.name,
        )
    try:
        _refuse_code(place)
        with checked_text():
            return dict(ad.io.read_elem(zarr.open_group(place, mode="r")[f"uns/{keys.RECORD}"]))
    except Exception as error:
        raise BankError(
            f"{path} is not a spatialrag {kind.name}",
            expected=f"an AnnData Zarr store with uns[{keys.RECORD!r}]",
            got=f"{type(error).__name__}: {error}",
        ) from error


def _refuse_code(place: Path) -> None:
    """Raise for arrays that are pickles: Zarr v2 knows such a codec, and reading it runs code."""

    def check(entry: dict[str, Any]) -> dict[str, Any]:
        if str(entry.get("id")).lower() == "pickle":
            raise ValueError("an array with the codec pickle: reading it could run code")
        return entry

    for name in (".zarray", ".zmetadata"):
        for file in place.rglob(name):
            json.loads(file.read_bytes(), object_hook=check)


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
    with ad.settings.override(auto_shard_zarr_v3=False):
        group = zarr.open_group(path, mode="w", zarr_format=ZARR_FORMAT)
        write_parts(group, adata, _layout)
    group.attrs[GENERATION] = token_hex(8)
    group.attrs[CHUNKS] = _n_chunks(path)
    with warnings.catch_warnings():
        # Readers of Zarr v3 without consolidated metadata read each node's own, which is there too.
        warnings.filterwarnings("ignore", "Consolidated metadata", category=ZarrUserWarning)
        zarr.consolidate_metadata(group.store)


def _layout(array: np.ndarray) -> dict[str, tuple[int, ...]]:
    if array.ndim == 1:
        return {"chunks": (_CHUNK,), "shards": (_SHARD,)}
    rest = array.shape[1:]
    return {"chunks": (_ROWS, *rest), "shards": (_ROWS * 64, *rest)}
