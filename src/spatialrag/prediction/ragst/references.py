"""What attention can cite: cells, type means, and spots of a spatial bank, in one form."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.decomposition import PCA

from spatialrag.bank.bank import Bank
from spatialrag.cells.cell_bank import CellBank
from spatialrag.expression.measured_matrix import MeasuredMatrix
from spatialrag.prediction.citations import Citations
from spatialrag.prediction.ragst.platform import Platform

CELL, MEAN, SPOT = "cell", "type mean", "spot"
_BLANK = 235  # cells have no picture
_COLUMNS = ["slide", "donor", "barcode", "x", "y", "total_counts", "kind", "cell_type"]


@dataclass(frozen=True, eq=False)
class References:
    """References over one list of genes.

    Parameters
    ----------
    values : CSR (n, n_genes)
        Expression on ``log1p_cp10k`` as a spot would show it; where a gene was not measured, its
        mean over the references that did.
    genes : (n_genes,)
    types : (n, n_types)
        Composition of each: one-hot for cells, proportions for spots.
    table : pandas.DataFrame
        As `Citations.references`, with ``kind`` (cell, type mean, spot) and ``cell_type``.
    sources : (n_sources,)
        Data sets and slides.
    measured : (n_genes, n_sources) bool
    vectors : (n, p)
        What the head reads of a spot's embedding; 0 for cells.
    own : (n,)
        Training spots with the same label may not retrieve it; empty for cells.
    """

    values: sparse.csr_matrix
    genes: np.ndarray
    types: np.ndarray
    table: pd.DataFrame
    sources: np.ndarray
    measured: np.ndarray
    vectors: np.ndarray
    own: np.ndarray

    @property
    def matrix(self) -> MeasuredMatrix:
        """Values, and which source measured which gene, as one: nothing is copied."""
        source_of = pd.Index(self.sources).get_indexer(self.table["slide"])
        return MeasuredMatrix(self.values, self.genes, self.measured, source_of)

    def over(self, genes: np.ndarray) -> "References":
        """Return the same references over more genes (sorted), measured by none of them."""
        wide = self.matrix.over(genes)
        return replace(self, values=wide.values, genes=genes, measured=wide.measured)

    def type_means(self) -> np.ndarray:
        """Return the mean value of each type's references, (n_types, n_genes).

        Of types without a reference, the mean over all.
        """
        share = self.types / np.maximum(self.types.sum(axis=0), 1e-12)
        means = np.asarray(self.values.T @ share).T
        absent = self.types.sum(axis=0) == 0
        means[absent] = np.asarray(self.values.mean(axis=0)).ravel()
        return means

    def times(self, factors: np.ndarray) -> "References":
        """Return the same references, each gene's values times its factor (n_genes,)."""
        return replace(
            self, values=(self.values @ sparse.diags(factors)).astype(np.float32).tocsr()
        )

    def keys(self, n_components: int) -> np.ndarray:
        """Return what learned similarity knows of each reference, (n, p) float32.

        Principal components of expression, composition, whether it is a spot, and its vector.
        """
        spread = np.asarray(self.values.power(2).mean(axis=0) - np.square(self.values.mean(axis=0)))
        variable = np.argsort(-spread.ravel(), kind="stable")[:3000]
        dense = self.values[:, variable].toarray()
        n_components = min(n_components, *dense.shape)
        components = PCA(n_components, svd_solver="full").fit_transform(dense)
        components /= max(components.std(), 1e-12)
        spots = (self.table["kind"].to_numpy(str) == SPOT)[:, None]
        return np.hstack([components, self.types, spots, self.vectors]).astype(np.float32)

    def cite(self, weights: sparse.csr_matrix, bank: Bank | None) -> Citations:
        """Return citations with these weights, CSR (n_queries, n); thumbnails where spots do."""
        weights = weights.tocsr()
        weights.eliminate_zeros()
        used = np.unique(weights.indices)
        return Citations(
            weights=weights[:, used],
            references=self.table.iloc[used],
            expression=self.values[used],
            measured=self.measured,
            slides=self.sources,
            thumbnails=self._thumbnails(used, bank),
        )

    def _thumbnails(self, used: np.ndarray, bank: Bank | None) -> np.ndarray | None:
        if bank is None or bank.thumbnails is None:
            return None
        rows = bank.references.index.get_indexer(self.table.index[used])
        if (rows < 0).all():
            return None
        pictures = bank.thumbnails[rows]
        pictures[rows < 0] = _BLANK
        return pictures


def cell_references(
    cells: CellBank, genes: np.ndarray, platform: Platform, types: np.ndarray, width: int
) -> References:
    """Return cells and type means, brought to the spots' platform but not yet to their level.

    Parameters
    ----------
    cells
        The single-cell bank.
    genes : (n_genes,)
        Sorted.
    platform
        Over ``genes``.
    types : (n_types,)
        Order of the composition.
    width
        Width of a spot's vector.
    """
    profiles, measured = cells.profiles(genes)
    values = np.log1p(profiles * platform.factors)
    seen = np.maximum(measured.sum(axis=0), 1)
    values = np.where(measured, values, values.sum(axis=0, where=measured) / seen)
    by_dataset = np.zeros((len(cells.datasets), len(genes)), bool)
    by_dataset[cells.dataset_of] = measured
    table = cells.cells.rename(columns={"dataset": "slide", "cell": "barcode"})
    kind = np.where(cells.pseudo, MEAN, CELL)
    return References(
        values=sparse.csr_matrix(values.astype(np.float32)),
        genes=genes,
        types=cells.one_hot(types),
        table=table.assign(x=np.nan, y=np.nan, kind=kind)[_COLUMNS],
        sources=cells.datasets.index.to_numpy(str),
        measured=by_dataset.T,
        vectors=np.zeros((cells.n_cells, width)),
        own=np.full(cells.n_cells, ""),
    )


def spot_references(
    bank: Bank,
    rows: np.ndarray,
    genes: np.ndarray,
    *,
    composition: np.ndarray,
    types: np.ndarray,
    vectors: np.ndarray,
    own: np.ndarray,
) -> References:
    """Return spots of a spatial bank.

    Parameters
    ----------
    bank
        The bank.
    rows : (n,)
        Its references.
    genes : (n_genes,)
        Sorted; those the bank lacks count as not measured.
    composition : (n, n_types)
    types : (n_types,)
    vectors : (n, p)
    own : (n,)
        As in `References`.
    """
    chosen = MeasuredMatrix(
        bank.on_scale("log1p_cp10k")[rows], bank.genes, bank.measured, bank.slide_of[rows]
    ).over(genes)
    values, seen = chosen.values.toarray(), chosen.seen
    mean = values.sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    values = np.where(seen, values, mean)
    table = bank.references.iloc[rows]
    strongest = types[composition.argmax(axis=1)]
    return References(
        values=sparse.csr_matrix(values.astype(np.float32)),
        genes=genes,
        types=composition,
        table=table.assign(kind=SPOT, cell_type=strongest)[_COLUMNS],
        sources=bank.slides.index.to_numpy(str),
        measured=chosen.measured,
        vectors=vectors,
        own=own,
    )


def join_references(first: References, second: References) -> References:
    """Return both, over the same genes; a gene that one side never measured takes the other's mean.

    Parameters
    ----------
    first, second
        Over equal genes and types.
    """
    parts = [_filled(first, second), _filled(second, first)]
    return replace(
        first,
        values=sparse.vstack(parts, format="csr"),
        types=np.vstack([first.types, second.types]),
        table=pd.concat([first.table, second.table]),
        sources=np.concatenate([first.sources, second.sources]),
        measured=np.hstack([first.measured, second.measured]),
        vectors=np.vstack([first.vectors, second.vectors]),
        own=np.concatenate([first.own, second.own]),
    )


def _filled(part: References, other: References) -> sparse.csr_matrix:
    absent = ~part.measured.any(axis=1)
    if not absent.any():
        return part.values
    dense = part.values.toarray()
    dense[:, absent] = np.asarray(other.values[:, absent].mean(axis=0))
    return sparse.csr_matrix(dense)
