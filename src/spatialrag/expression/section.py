"""One section: spots, their counts, where they are, and the image they lie on."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag.errors import InputError, listing, raise_all
from spatialrag.expression.normalize import check_scale
from spatialrag.slides.spots import Spots


@dataclass(frozen=True, eq=False)
class Section:
    """Expression of one tissue section.

    Parameters
    ----------
    slide, donor
        Names; spots are unique within a slide.
    expression : CSR (n_spots, n_genes)
        On the scale ``scale``, float32.
    genes, spots
        Column and row names, unique.
    xy : (n_spots, 2), optional
        Spot centres, full-resolution pixels of ``image``.
    scale
        ``counts``, ``log1p`` or ``log1p_cp10k``.
    image
        The H&E file.
    mpp
        µm per pixel of the image, and in ``mpp_source`` where that number comes from.
    notes
        What reading left out, for the user to see.
    """

    slide: str
    donor: str
    expression: sparse.csr_matrix
    genes: np.ndarray
    spots: np.ndarray
    xy: np.ndarray | None = None
    scale: str = "counts"
    image: Path | None = None
    mpp: float | None = None
    mpp_source: str = "unknown"
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        matrix = sparse.csr_matrix(self.expression, dtype=np.float32)
        matrix.sum_duplicates()
        object.__setattr__(self, "expression", matrix)
        for name in ("genes", "spots"):
            object.__setattr__(
                self, name, np.asarray(getattr(self, name), dtype=object).astype(str)
            )
        if self.xy is not None:
            object.__setattr__(self, "xy", np.asarray(self.xy, dtype=np.float64))
        raise_all(self._faults(), subject=f"section {self.slide!r}")

    def _faults(self) -> list[str]:
        matrix, faults = self.expression, []
        check_scale(self.scale)
        if matrix.shape != (len(self.spots), len(self.genes)):
            faults.append(
                f"the matrix is {matrix.shape}, but there are {len(self.spots)} spot "
                f"and {len(self.genes)} gene names"
            )
        if self.xy is not None and self.xy.shape != (len(self.spots), 2):
            faults.append(f"xy is {self.xy.shape}, expected ({len(self.spots)}, 2)")
        elif self.xy is not None and not np.isfinite(self.xy).all():
            faults.append("xy contains NaN or inf")
        faults += [
            f"duplicate {kind} names: {listing(repeated)}"
            for kind, names in (("gene", self.genes), ("spot", self.spots))
            if len(repeated := _repeated(names))
        ]
        if not np.isfinite(matrix.data).all():
            faults.append("expression contains NaN or inf")
        elif (matrix.data < 0).any():
            faults.append(f"expression contains negative values (lowest {matrix.data.min():g})")
        elif not (matrix.data > 0).any():
            faults.append("no counts at all: every value is zero")
        return faults

    @cached_property
    def totals(self) -> np.ndarray:
        """Depth of each spot over its measured genes, on the stored scale, (n_spots,)."""
        return np.asarray(self.expression.sum(axis=1, dtype=np.float64)).ravel()

    @property
    def empty_spots(self) -> np.ndarray:
        """Names of spots without a single count: kept, never cited, never scored."""
        return self.spots[self.totals == 0]

    @property
    def n_spots(self) -> int:
        """Number of spots."""
        return len(self.spots)

    @property
    def located(self) -> Spots:
        """The spots without their expression: what a prediction may see.

        Raises
        ------
        InputError
            The section has no positions.
        """
        if self.xy is None:
            raise InputError(
                f"section {self.slide!r} has no spot positions",
                expected="spot centres in pixels (obsm['spatial'], or columns x and y)",
            )
        return Spots(self.slide, self.spots, self.xy, self.image, self.mpp, self.mpp_source)

    def of_spots(self, spots: np.ndarray) -> "Section":
        """Return the section with these of its spots alone, in their order."""
        if np.array_equal(spots, self.spots):
            return self
        rows = pd.Index(self.spots).get_indexer(spots)
        if (rows < 0).any():
            raise InputError(f"{self.slide!r} has no spots {listing(np.asarray(spots)[rows < 0])}")
        return replace(
            self,
            expression=self.expression[rows],
            spots=self.spots[rows],
            xy=None if self.xy is None else self.xy[rows],
        )

    def with_image(self, image: Path | None, mpp: float | None, source: str) -> "Section":
        """Return the section on an image of known pixel size."""
        return replace(self, image=image, mpp=mpp, mpp_source=source)


def _repeated(names: np.ndarray) -> np.ndarray:
    values, counts = np.unique(names, return_counts=True)
    return values[counts > 1]
