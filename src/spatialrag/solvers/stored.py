"""A design on disk: banks that do not fit in memory as float32.

A Zarr array (n_references, m) of float16 or float32, uncompressed (float features hardly compress),
in chunks of references. It is written aside and renamed, and read one block at a time; references
that solvers work on are kept in memory as they are stored.
"""

import hashlib
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import zarr

from spatialrag.errors import InputError, listing
from spatialrag.locks import locked
from spatialrag.replace import replace_folder
from spatialrag.solvers.inputs import real_array

SCHEMA = 1
_CHUNK_BYTES = 4 << 20
_KEY = "spatialrag_design"


@dataclass(frozen=True, eq=False)
class StoredDesign:
    """A design that is read from its store; made by `open_design`.

    Parameters
    ----------
    array
        Zarr array (n_references, m).
    fingerprint
        Hash of the values, from when they were written.
    """

    array: zarr.Array
    fingerprint: str
    _held: dict[int, np.ndarray] = field(default_factory=dict, repr=False)

    @property
    def stored(self) -> bool:
        """True: a look reads all of it from disk."""
        return True

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n_references)."""
        return self.array.shape[1], self.array.shape[0]

    def blocks(
        self, size: int, wanted: np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield blocks of whole chunks as float32; chunks without a wanted reference are not read.

        Within a block, unwanted references are left out where they are the majority.
        """
        n, height = self.array.shape[0], self.array.chunks[0]
        size = max(size // height, 1) * height
        for start in range(0, n, size):
            references = np.arange(start, min(start + size, n))
            if wanted is None or wanted[references].mean() > 0.5:
                yield references, np.asarray(self.array[start : start + size]).astype(np.float32)
                continue
            references = references[wanted[references]]
            if len(references):
                yield references, self._read(references).astype(np.float32)

    def hold(self, references: np.ndarray) -> None:
        """Read references into memory, chunk by chunk, and keep them as they are stored."""
        missing = [r for r in np.unique(references).tolist() if r not in self._held]
        if missing:
            self._held.update(zip(missing, self._read(np.array(missing)), strict=True))

    def take(self, references: np.ndarray) -> np.ndarray:
        """Return rows of held references, float32."""
        if len(references) == 0:
            return np.empty((0, self.array.shape[1]), np.float32)
        return np.stack([self._held[r] for r in references.tolist()]).astype(np.float32)

    def _read(self, references: np.ndarray) -> np.ndarray:
        """Return rows of ascending references, as stored; each chunk is read once."""
        rows = np.empty((len(references), self.array.shape[1]), self.array.dtype)
        height = self.array.chunks[0]
        chunks, starts = np.unique(references // height, return_index=True)
        for chunk, start, stop in zip(chunks, starts, [*starts[1:], len(references)], strict=True):
            values = np.asarray(self.array[chunk * height : (chunk + 1) * height])
            rows[start:stop] = values[references[start:stop] - chunk * height]
        return rows


def write_design(
    path: str | Path,
    blocks: Iterable[np.ndarray],
    shape: tuple[int, int],
    *,
    dtype: str = "float16",
) -> StoredDesign:
    """Write a design block by block and open it; nothing is left behind by a failure.

    Parameters
    ----------
    path
        A new folder.
    blocks
        Consecutive references, each (some, m).
    shape
        (m, n_references), as of a design in memory.
    dtype
        ``float16`` or ``float32``.

    Raises
    ------
    InputError
        The path exists; blocks that do not add up to ``shape``; values that are not real and
        finite, or not so in ``dtype``; references that underflow in it, almost all of their length.

    Warns
    -----
    UserWarning
        Values that became 0 in references that are kept: how many.

    Examples
    --------
    >>> sr.write_design("design.zarr", [np.eye(4, dtype=np.float32)], (4, 4)).shape
    (4, 4)
    """
    path = Path(path)
    if path.exists():
        raise InputError(f"{path} exists", fix="choose another path, or remove it")
    if dtype not in ("float16", "float32"):
        raise InputError("unknown dtype of a design", expected="float16 or float32", got=dtype)
    m, n = shape
    if min(m, n) < 1:
        raise InputError("a design needs rows and references", got=f"shape {tuple(shape)}")
    # A power of two, so that solvers' blocks are whole chunks.
    height = 1 << max(int(np.log2(_CHUNK_BYTES / (m * np.dtype(dtype).itemsize))), 0)
    with locked(path), replace_folder(path) as aside:
        array = zarr.create_array(
            aside, shape=(n, m), chunks=(min(height, n), m), dtype=dtype, compressors=None
        )
        array.attrs[_KEY] = {"schema": SCHEMA, "fingerprint": _fill(array, blocks)}
    return open_design(path)


def _fill(array: zarr.Array, blocks: Iterable[np.ndarray]) -> str:
    """Write blocks in whole chunks; return the hash of all values."""
    (n, m), height = array.shape, array.chunks[0]
    digest, start, waiting = hashlib.blake2b(digest_size=16), 0, np.empty((0, m), array.dtype)
    vanished = 0
    for block in blocks:
        given = real_array("block", block)
        with np.errstate(over="ignore", under="ignore"):
            values = given.astype(array.dtype)
        if values.ndim != 2 or values.shape[1] != m or start + len(waiting) + len(values) > n:
            raise InputError(
                "blocks do not match the shape of the design",
                expected=f"(some, {m}), {n} references in all",
                got=f"{values.shape} at reference {start + len(waiting)}",
            )
        if not np.isfinite(values).all():
            raise InputError(
                f"references {start + len(waiting)} and following contain NaN or inf as "
                f"{array.dtype}",
                fix="drop or impute these values, scale the features, or use float32",
            )
        vanished += _vanished(given, values, start + len(waiting))
        waiting = np.concatenate([waiting, values])
        whole = len(waiting) // height * height
        array[start : start + whole] = waiting[:whole]
        digest.update(np.ascontiguousarray(waiting[:whole]).data)
        start, waiting = start + whole, waiting[whole:]
    if start + len(waiting) != n:
        raise InputError("too few references", expected=str(n), got=str(start + len(waiting)))
    array[start:] = waiting
    digest.update(np.ascontiguousarray(waiting).data)
    if vanished:
        warnings.warn(
            f"{vanished} of {n * m} values of the design are too small for {array.dtype} and were "
            "stored as 0; each is small beside others of its reference",
            stacklevel=3,
        )
    return digest.hexdigest()


def _vanished(given: np.ndarray, values: np.ndarray, first: int) -> int:
    """Count values that became 0; refuse references of which little is left but underflow."""
    if given.dtype == values.dtype:
        return 0
    count = int(((values == 0) & (given != 0)).sum())
    limits, m = np.finfo(values.dtype), values.shape[1]
    # Underflow loses at most this length of a reference; where it is long, that is nothing.
    lost = np.sqrt(m) * float(limits.smallest_subnormal)
    short = np.flatnonzero(np.abs(values).max(axis=1) < lost / float(limits.eps))
    exact = given[short].astype(np.float64)
    scale = np.abs(exact).max(axis=1, keepdims=True)
    scale[scale == 0] = 1.0
    error = np.linalg.norm((values[short] - exact) / scale, axis=1)
    bad = short[error > 4 * float(limits.eps) * np.linalg.norm(exact / scale, axis=1)]
    if len(bad):
        raise InputError(
            f"references {listing(first + bad)} are too small for {values.dtype}",
            expected=f"values well above {float(limits.tiny):.1e}",
            got=f"{np.abs(given[bad[0]]).max():.1e} at most",
            fix="scale the features, or use float32",
        )
    return count


def open_design(path: str | Path) -> StoredDesign:
    """Open a design written by `write_design`.

    Raises
    ------
    InputError
        No design there, or one of a newer schema.

    Examples
    --------
    >>> _ = sr.write_design("open.zarr", [np.eye(4, dtype=np.float32)], (4, 4))
    >>> sr.open_design("open.zarr").shape
    (4, 4)
    """
    try:
        array = zarr.open_array(path, mode="r")
        record: dict[str, Any] = dict(cast(dict[str, Any], array.attrs[_KEY]))
    except (FileNotFoundError, KeyError, ValueError) as error:
        raise InputError(f"{path} is not a design written by write_design") from error
    if record["schema"] > SCHEMA:
        raise InputError(
            f"{path} was written by a newer spatialrag",
            expected=f"design schema {SCHEMA} or older",
            got=f"schema {record['schema']}",
            fix="upgrade spatialrag",
        )
    return StoredDesign(array, record["fingerprint"])
