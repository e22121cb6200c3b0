"""What a domain method may see of spots: expression and places. No labels."""

import warnings
from dataclasses import dataclass
from functools import cached_property

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag import keys
from spatialrag.errors import InputError, listing, raise_all
from spatialrag.expression.normalize import SCALES, SIZE_FACTOR
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
        Any unit; at most half of a section's spots can be at the place of another.
    sections : (n_spots,), optional
        Section of each spot: graphs never join two.
    scale
        ``counts``, ``log1p`` or ``log1p_cp10k``.
    """

    expression: sparse.csr_matrix
    genes: np.ndarray
    spots: np.ndarray
    xy: np.ndarray
    sections: np.ndarray | None = None
    scale: str = "counts"

    def __post_init__(self) -> None:
        matrix = sparse.csr_matrix(self.expression, dtype=np.float32)
        matrix.sum_duplicates()
        object.__setattr__(self, "expression", matrix)
        for name in ("genes", "spots"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), object).astype(str))
        raise_all(self._faults(), subject="this tissue cannot be used")
        if self.scale == "counts" and (matrix.data % 1 != 0).any():
            raise InputError(
                "the expression is said to be counts and is not",
                expected="whole numbers",
                got=f"{matrix.data[matrix.data % 1 != 0][0]:g} among them",
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
        if not np.isfinite(matrix.data).all() or (matrix.data < 0).any():
            faults.append("expression contains negative or non-finite values")
        elif len(empty := np.flatnonzero(np.asarray(matrix.sum(axis=1)).ravel() == 0)):
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
        scale: str | None = None,
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
            Of the expression; what this package wrote of ``X`` or the layer, else ``counts``. Of
            predictions, genes that are missing in some spot are left out, with a warning.

        Raises
        ------
        InputError
            Places or a named column or layer are missing, or what `Tissue` refuses.
        """
        if keys.SPATIAL not in adata.obsm:
            raise InputError(
                "the AnnData has no places of spots",
                expected=f"obsm['{keys.SPATIAL}'], (n_spots, 2)",
                got=f"obsm with {list(adata.obsm) or 'nothing'}",
            )
        layer = layer or ("counts" if "counts" in adata.layers and scale is None else None)
        for name, table in ((layer, adata.layers), (section_key, adata.obs)):
            if name is not None and name not in table:
                raise InputError(f"there is no {name!r}", expected=listing(table.keys()))
        scale = scale or keys.record_of(adata, layer).get("scale") or "counts"
        kept = adata if scale == "counts" else _complete(adata, layer)
        return cls(
            expression=kept.X if layer is None else kept.layers[layer],
            genes=kept.var_names.to_numpy(),
            spots=adata.obs_names.to_numpy(),
            xy=_places(adata),
            sections=None if section_key is None else adata.obs[section_key].to_numpy(str),
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

    def require_counts(self) -> sparse.csr_matrix:
        """Return counts, or raise when the expression is on another scale."""
        if self.scale != "counts":
            raise InputError(
                f"counts are needed, and the expression is {self.scale}",
                fix="name the layer that holds counts, or use likelihood='gaussian'",
            )
        return self.expression


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


def _complete(adata: ad.AnnData, layer: str | None) -> ad.AnnData:
    """Return an AnnData without genes that a prediction left missing in some spot."""
    complete = complete_genes(adata.X if layer is None else adata.layers[layer])
    if complete.all():
        return adata
    warnings.warn(
        f"{(~complete).sum():,} of {len(complete):,} genes are missing in some spots and left out",
        stacklevel=3,
    )
    return adata[:, complete]


def _places(adata: ad.AnnData) -> np.ndarray:
    """Return places, (n_spots, 2); array indices that ``obs`` names are unfolded.

    `spatialrag.graphs.spatial.spatial_graph` does so too, and has to guess which are rows.
    """
    xy = np.asarray(adata.obsm[keys.SPATIAL])[:, :2]
    usable = xy.dtype.kind in "iuf" and np.isfinite(xy).all()  # else refused with the graph
    if not usable or not set(_ARRAY) <= set(adata.obs) or array_rows(xy) is None:
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
