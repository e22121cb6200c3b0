"""One section: spots, their counts, where they are, and the image they lie on."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag.errors import InputError, listing, raise_all
from spatialrag.expression.normalize import Scale, check_scale
from spatialrag.expression.values import as_matrix, check_values
from spatialrag.names import clean_name, clean_names, clean_part
from spatialrag.slides.pixel_size import PixelSize
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
        What reading left out or changed, for the user to see.
    obs : pandas.DataFrame, optional
        What the file says of spots besides, one row each.
    pixel_sizes
        Every statement of µm per pixel that came with the expression, the surest first.

    Examples
    --------
    >>> section = sr.Section("s", "d", [[3, 0], [1, 2]], ["ACTB", "ERBB2"], ["a", "b"])
    >>> section.totals.tolist()
    [3.0, 3.0]
    """

    slide: str
    donor: str
    expression: sparse.csr_matrix
    genes: np.ndarray
    spots: np.ndarray
    xy: np.ndarray | None = None
    scale: Scale = "counts"
    image: Path | None = None
    mpp: float | None = None
    mpp_source: str = "unknown"
    notes: tuple[str, ...] = field(default=())
    obs: pd.DataFrame | None = None
    pixel_sizes: tuple[PixelSize, ...] = field(default=())

    def __post_init__(self) -> None:
        self._name()
        subject = f"section {self.slide!r}"
        matrix = as_matrix(self.expression, subject=f"the expression of {subject}")
        object.__setattr__(self, "expression", matrix)
        if self.xy is not None:
            object.__setattr__(self, "xy", np.asarray(self.xy, dtype=np.float64))
        raise_all(self._faults(), subject=subject)
        check_values(matrix, scale=self.scale, subject=subject)

    def _name(self) -> None:
        """Pass all names through their one door; what it changes is noted."""
        object.__setattr__(self, "slide", clean_part(self.slide))
        object.__setattr__(self, "donor", clean_name(self.donor, kind="donor"))
        for kind in ("gene", "spot"):
            names, notes = clean_names(
                getattr(self, f"{kind}s"), kind=kind, subject=f"section {self.slide!r}"
            )
            object.__setattr__(self, f"{kind}s", names)
            object.__setattr__(self, "notes", (*self.notes, *notes))

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
        if self.obs is not None and len(self.obs) != len(self.spots):
            faults.append(f"obs has {len(self.obs)} rows for {len(self.spots)} spots")
        if not matrix.data.any():
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

    def select(self, spots: np.ndarray) -> "Section":
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
            obs=None if self.obs is None else self.obs.iloc[rows],
        )

    def with_image(self, image: Path | None, mpp: float | None, source: str) -> "Section":
        """Return the section on an image of known pixel size."""
        return replace(self, image=image, mpp=mpp, mpp_source=source)
