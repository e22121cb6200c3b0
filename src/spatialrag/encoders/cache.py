"""Vectors kept on disk by content, in a folder that several processes may share."""

import glob
import json
import os
import re
import time
import uuid
import warnings
from pathlib import Path

import numpy as np

from spatialrag.errors import InputError
from spatialrag.file_kind import UNREADABLE
from spatialrag.file_names import file_name

_FORGOTTEN = 3600.0  # seconds after which a half-written file has nobody who writes it


class VectorCache:
    """The vectors of one slide: finished, or the batches done so far.

    Every file is written under a name of its own and then renamed, so that a reader sees a whole
    file or none. Files say which vectors they hold (key and rows) and carry checksums: what is
    lost, cut short or of something else is computed again and never put in another's place. Two
    processes at the same slide do the same work twice, and each finds the other's files valid.

    Parameters
    ----------
    folder
        Made when absent.
    name
        What people see in the folder, such as slide and encoder; any text.
    key
        Hash of everything the vectors follow from.
    n_rows
        How many vectors there are when all are done.
    dtype
        Element type of the vectors; pictures are vectors of uint8.

    Raises
    ------
    InputError
        The folder cannot be written.
    """

    def __init__(
        self,
        folder: str | Path,
        name: str,
        *,
        key: str,
        n_rows: int,
        dtype: type[np.generic] = np.float32,
    ) -> None:
        self._folder, self._key, self._n_rows = Path(folder), key, n_rows
        self._dtype = dtype
        self._stem = f"{file_name(name)}-{key[:16]}"
        self._full = False
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            writable = os.access(self._folder, os.W_OK)
        except OSError as error:
            writable, reason = False, str(error.strerror)
        else:
            reason = "no permission"
        if not writable:
            raise InputError(
                f"the cache folder {self._folder} cannot be written",
                got=reason,
                fix="give a folder that you may write, or none",
            )

    def finished(self) -> tuple[np.ndarray, dict[str, object]] | None:
        """Return all vectors and the facts that were kept with them, or None."""
        found = self._load(self._final, 0, self._n_rows)
        if found is not None:
            self._clear()
        return found

    def resume(self) -> list[np.ndarray]:
        """Return the vectors of finished batches, in order from the first, without a gap."""
        by_start: dict[int, list[tuple[int, Path]]] = {}
        for path in self._parts():
            start, stop = (int(number) for number in path.name.split(".")[-3].split("-"))
            by_start.setdefault(start, []).append((stop, path))
        parts: list[np.ndarray] = []
        done = 0
        while longest := sorted(by_start.pop(done, []), reverse=True):
            for stop, path in longest:
                if (found := self._load(path, done, stop)) is None:
                    continue
                if parts and found[0].shape[1:] != parts[0].shape[1:]:
                    continue
                parts.append(found[0])
                done = stop
                break
        return parts

    def append(self, part: np.ndarray, start: int) -> None:
        """Keep the vectors of the rows from ``start`` on."""
        stop = start + len(part)
        self._save(self._folder / f"{self._stem}.{start:09d}-{stop:09d}.part.npz", part, start, {})

    def finish(self, vectors: np.ndarray, facts: dict[str, object]) -> None:
        """Keep all vectors, with facts of plain values, and let go of the batches."""
        self._save(self._final, vectors, 0, facts)
        self._clear()

    @property
    def _final(self) -> Path:
        return self._folder / f"{self._stem}.npz"

    def _parts(self) -> list[Path]:
        pattern = re.compile(rf"{re.escape(self._stem)}\.\d{{9}}-\d{{9}}\.part\.npz")
        return [path for path in self._folder.iterdir() if pattern.fullmatch(path.name)]

    def _clear(self) -> None:
        """Remove batches, and what killed processes left half written."""
        for path in self._parts():
            path.unlink(missing_ok=True)
        for path in self._folder.glob(f".{glob.escape(self._stem)}.*.tmp"):
            try:
                if time.time() - path.stat().st_mtime > _FORGOTTEN:
                    path.unlink()
            except OSError:  # another process was faster
                continue

    def _load(
        self, path: Path, start: int, stop: int
    ) -> tuple[np.ndarray, dict[str, object]] | None:
        """Return what a file holds, or None unless it is whole and holds these rows."""
        try:
            with np.load(path, allow_pickle=False) as file:
                vectors, record = file["vectors"], json.loads(str(file["record"]))
        except UNREADABLE:
            return None
        expected = {"key": self._key, "start": start, "stop": stop}
        whole = vectors.dtype == self._dtype and vectors.ndim == 2 and len(vectors) == stop - start
        if not whole or {name: record.get(name) for name in expected} != expected:
            return None
        return vectors, record["facts"]

    def _save(self, path: Path, vectors: np.ndarray, start: int, facts: dict[str, object]) -> None:
        """Write a file, or warn and keep nothing from then on: the vectors are not lost."""
        if self._full:
            return
        record = {"key": self._key, "start": start, "stop": start + len(vectors), "facts": facts}
        aside = self._folder / f".{path.stem}.{uuid.uuid4().hex}.tmp"
        try:
            with aside.open("wb") as stream:
                np.savez(stream, vectors=vectors, record=json.dumps(record))
            aside.replace(path)
        except OSError as error:
            self._full = True
            reason = error.strerror or str(error)
            warnings.warn(
                f"the cache folder {self._folder} takes no more vectors ({reason}); going on "
                "without it",
                stacklevel=3,
            )
        finally:
            aside.unlink(missing_ok=True)
