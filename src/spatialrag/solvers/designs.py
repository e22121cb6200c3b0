"""Where the references' columns come from: an array in memory, or a store read block by block."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

_EXACT = 2**24  # every whole number up to it is one of float32's


class Design(Protocol):
    """The columns of D, as rows: (n_references, m) of which only blocks are ever asked for."""

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n_references)."""
        ...

    @property
    def stored(self) -> bool:
        """Whether a look at all of it takes long enough for a progress bar."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of the content; a checkpoint is tied to it."""
        ...

    def blocks(
        self, size: int, wanted: np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield (references, their rows): ascending, at most ``size`` at a time.

        Parameters
        ----------
        size
            References per block.
        wanted : (n_references,) bool, optional
            References that matter. Others may be yielded too, where leaving them out costs more.
        """
        ...

    def hold(self, references: np.ndarray) -> None:
        """Make ``take`` of these references cheap."""
        ...

    def take(self, references: np.ndarray) -> np.ndarray:
        """Return rows of some references, (len(references), m), float32 or float64."""
        ...


@dataclass(frozen=True, eq=False)
class ArrayDesign:
    """A design in memory.

    Parameters
    ----------
    rows : (n_references, m)
        C-contiguous, float32 or float64.
    """

    rows: np.ndarray

    @classmethod
    def of(cls, design: np.ndarray) -> "ArrayDesign":
        """Wrap D, (m, n_references); it becomes float32 unless that would lose digits."""
        return cls(np.ascontiguousarray(design.T, dtype=_precision(design)))

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n_references)."""
        return self.rows.shape[1], self.rows.shape[0]

    @property
    def stored(self) -> bool:
        """False: a look takes less than seconds."""
        return False

    @property
    def fingerprint(self) -> str:
        """Hash of the rows."""
        return hashlib.blake2b(self.rows.data, digest_size=16).hexdigest()

    def blocks(
        self, size: int, wanted: np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield blocks; unwanted references are left out where they are the majority."""
        n = len(self.rows)
        if wanted is None or wanted.mean() > 0.5:
            for start in range(0, n, size):
                yield np.arange(start, min(start + size, n)), self.rows[start : start + size]
            return
        references = np.flatnonzero(wanted)
        for start in range(0, len(references), size):
            part = references[start : start + size]
            yield part, self.rows[part]

    def hold(self, references: np.ndarray) -> None:
        """Nothing to do: everything is in memory."""

    def take(self, references: np.ndarray) -> np.ndarray:
        """Return rows of some references."""
        return self.rows[references]


def _precision(design: np.ndarray) -> type:
    """Return float64 for float64 and for whole numbers that float32 cannot hold."""
    if design.dtype.kind in "iu" and design.dtype.itemsize > 2 and design.size:
        exact = design.min() >= -_EXACT and design.max() <= _EXACT
        return np.float32 if exact else np.float64
    return np.float64 if design.dtype.itemsize >= 8 else np.float32
