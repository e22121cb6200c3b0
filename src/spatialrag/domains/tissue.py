"""What a domain method may see of spots: expression and places. No labels."""

import warnings
from dataclasses import dataclass
from functools import cached_property

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag import keys
from spatialrag.domains.sections import section_labels
from spatialrag.errors import InputError, listing, raise_all
from spatialrag.expression.matrices import advise, choose_matrix
from spatialrag.expression.normalize import SCALES, SIZE_FACTOR, Scale
from spatialrag.expression.places import places_of
from spatialrag.expression.values import as_matrix, check_values
from spatialrag.graphs.lattice import UNFOLDED, array_rows, unfold_array

_ARRAY = ("array_row", "array_col")  # obs, of Space Ranger


@dataclass(frozen=True, eq=False)
class Tissue:
    """Expression and places of spots.

    Parameters
    ----------
    expression : CSR (n_spots, n_genes)
        On the scale ``scale``, not negative, no row without a value.
    genes, spots
        Column and row names.
    xy : (n_spots, 2)
        Any unit. Spots may share a place, as segmented cells do.
    sections : (n_spots,), optional
        Section of each spot: graphs never join two.
    scale
        ``counts``, ``log1p`` or ``log1p_cp10k``.

    Examples
    --------
    >>> tissue = sr.Tissue(section.expression, section.genes, section.spots, section.xy)
    >>> tissue.n_spots
    56
    """

    expression: sparse.csr_matrix
    genes: np.ndarray
    spots: np.ndarray
    xy: np.ndarray
    sections: np.ndarray | None = None
    scale: Scale = "counts"

    def __post_init__(self) -> None:
        matrix = sparse.csr_matrix(self.expression, dtype=np.float32)
        matrix.sum_duplicates()
        object.__setattr__(self, "expression", matrix)
        for name in ("genes", "spots"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), object).astype(str))
        raise_all(self._faults(), subject="this tissue cannot be used")
        check_values(
            matrix,
            scale=self.scale,
            subject="the expression of this tissue",
            fix="name the layer that holds counts, or state scale='log1p_cp10k'",
        )

    def _faults(self) -> list[str]:
        matrix, faults = self.expression, []
        if self.scale not in SCALES:
            faults.append(f"unknown scale {self.scale!r}, expected one of {', '.join(SCALES)}")
        if matrix.shape != (len(self.spots), len(self.genes)):
            faults.append(
                f"expression is {matrix.shape}, but there are {len(self.spots)} spots and "
                f"{len(self.genes)} genes"
            )
        if len(self.xy) != len(self.spots):
            faults.append(f"{len(self.xy)} places for {len(self.spots)} spots")
        if self.sections is not None and len(self.sections) != len(self.spots):
            faults.append(f"{len(self.sections)} section labels for {len(self.spots)} spots")
        if matrix.shape[1] < 2:
            faults.append(f"{matrix.shape[1]} genes, of which no method can tell domains: 2 needed")
        if np.isfinite(matrix.data).all() and len(
            empty := np.flatnonzero(np.asarray(matrix.sum(axis=1)).ravel() == 0)
        ):
            named = listing(self.spots[empty]) if matrix.shape[0] == len(self.spots) else len(empty)
            faults.append(f"spots without any expression, to be dropped first: {named}")
        return faults

    @classmethod
    def from_anndata(
        cls,
        adata: ad.AnnData,
        *,
        layer: str | None = None,
        section_key: str | None = None,
        scale: Scale | None = None,
    ) -> "Tissue":
        """Return the spots of an AnnData; of ``obs``, only ``section_key`` is read.

        Parameters
        ----------
        adata
            With places in ``obsm['spatial']``. Where these are Visium's ``array_row`` and
            ``array_col``, rows are taken as √3 columns apart, with a warning.
        layer
            That holds the expression; ``layers['counts']`` when absent and there, else ``X``.
        section_key
            Column of ``obs`` that names sections.
        scale
            Scale of the expression; what this package wrote of ``X`` or the layer, else ``counts``.
            Of predictions, genes that are missing in some spot are left out, with a warning.

        Raises
        ------
        InputError
            Places or a named column or layer are missing, or what `Tissue` refuses.
        """
        xy = _places(adata)
        layer = layer or ("counts" if "counts" in adata.layers and scale is None else None)
        values, var = choose_matrix(adata, layer, "the AnnData")
        where = f"{'X' if layer is None else f'layer {layer!r}'} of the AnnData"
        matrix, genes = as_matrix(values, subject=where), var.index.to_numpy()
        recorded = keys.record_of(adata, layer).get("scale")
        scale = scale or recorded or "counts"
        if recorded is not None and scale != "counts":
            matrix, genes = _complete(matrix, genes)
        check_values(matrix, scale=scale, subject=where, fix=advise(adata, layer, scale))
        return cls(
            expression=matrix,
            genes=genes,
            spots=adata.obs_names.to_numpy(),
            xy=xy,
            sections=None if section_key is None else section_labels(adata.obs, section_key),
            scale=scale,
        )

    @property
    def n_spots(self) -> int:
        """Number of spots."""
        return len(self.spots)

    @cached_property
    def totals(self) -> np.ndarray:
        """Sum of each spot's expression, (n_spots,)."""
        return np.asarray(self.expression.sum(axis=1, dtype=np.float64)).ravel()

    @cached_property
    def shares(self) -> sparse.csr_matrix:
        """Counts per 10,000 (SemST, Eq. 15); log scales as they are."""
        if self.scale != "counts":
            return self.expression
        return (
            (sparse.diags(SIZE_FACTOR / self.totals) @ self.expression).tocsr().astype(np.float32)
        )

    @cached_property
    def logs(self) -> sparse.csr_matrix:
        """ln(1 + counts per 10,000); log scales as they are."""
        return self.shares.log1p() if self.scale == "counts" else self.expression

    def require_domains(self, n_domains: int | None) -> None:
        """Raise `InputError` where there cannot be so many domains; called before any work.

        Parameters
        ----------
        n_domains
            K; None passes.
        """
        if n_domains is None:
            return
        places = len(np.unique(self.xy, axis=0)) if self.sections is None else self.n_spots
        most = min(places, _distinct_rows(self.expression))
        if not 1 <= n_domains <= most:
            raise InputError(
                "n_domains must be at least 1 and at most the number of different spots",
                expected=f"1 to {most} (different places and profiles)",
                got=str(n_domains),
                fix="ask for fewer domains",
            )

    def require_counts(self) -> sparse.csr_matrix:
        """Return counts, or raise when the expression is on another scale."""
        if self.scale != "counts":
            raise InputError(
                f"counts are needed, and the expression is {self.scale}",
                fix="name the layer that holds counts, or use likelihood='gaussian'",
            )
        return self.expression


def _distinct_rows(matrix: sparse.csr_matrix) -> int:
    """Return how many rows differ."""
    own = matrix.sorted_indices()
    bounds = zip(own.indptr[:-1], own.indptr[1:], strict=True)
    return len({(own.indices[a:b].tobytes(), own.data[a:b].tobytes()) for a, b in bounds})


def as_tissue(data: "Tissue | ad.AnnData") -> Tissue:
    """Return a tissue as it is, and an AnnData by `Tissue.from_anndata`'s defaults."""
    return data if isinstance(data, Tissue) else Tissue.from_anndata(data)


def complete_genes(matrix: np.ndarray | sparse.spmatrix) -> np.ndarray:
    """Return which genes have a value in every spot, (n_genes,); predictions leave some missing."""
    if not sparse.issparse(matrix):
        return ~np.isnan(np.asarray(matrix)).any(axis=0)
    entries, complete = sparse.coo_matrix(matrix), np.ones(matrix.shape[1], bool)
    complete[entries.col[np.isnan(entries.data)]] = False
    return complete


def _complete(matrix: sparse.csr_matrix, genes: np.ndarray) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return expression and genes without those that a prediction left missing in some spot."""
    complete = complete_genes(matrix)
    if not complete.all():
        warnings.warn(
            f"{(~complete).sum():,} of {len(complete):,} genes are missing in some spots and left "
            "out",
            stacklevel=3,
        )
    return matrix[:, complete], genes[complete]


def _places(adata: ad.AnnData) -> np.ndarray:
    """Return places, (n_spots, 2); array indices that ``obs`` names are unfolded.

    `spatialrag.graphs.spatial.spatial_graph` does so too, and has to guess which are rows.
    """
    xy, _ = places_of(adata.obsm, adata.obs, subject="the AnnData")
    if xy is None:
        raise InputError(
            "the AnnData has no places of spots",
            expected=f"obsm['{keys.SPATIAL}'], (n_spots, 2), or columns x and y of obs",
            got=f"obsm with {listing(adata.obsm) or 'nothing'}; obs {listing(adata.obs, 20)}",
        )
    if not set(_ARRAY) <= set(adata.obs) or array_rows(xy) is None:
        return xy
    row, column = (pd.to_numeric(adata.obs[name], errors="coerce").to_numpy() for name in _ARRAY)
    for rows in (0, 1):
        if _same_axis(xy[:, rows], row) and _same_axis(xy[:, 1 - rows], column):
            warnings.warn(UNFOLDED, stacklevel=3)
            return unfold_array(xy, rows=rows)
    return xy


def _same_axis(values: np.ndarray, indices: np.ndarray) -> bool:
    """Return whether coordinates are these indices, up to direction and origin."""
    return any(np.ptp(values - sign * indices) == 0 for sign in (1, -1))
