"""Citations: which references a prediction rests on, and their content."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag.bank.bank import Bank
from spatialrag.expression.normalize import Scale
from spatialrag.retrieval.smoothing import Smoothing


@dataclass(frozen=True, eq=False)
class Citations:
    """The cited references of one slide's prediction and the weights they carry.

    Parameters
    ----------
    weights : CSR (n_queries, n_cited)
        float64.
    references : pandas.DataFrame
        Cited references: slide, donor, barcode, x, y (pixels), total_counts.
    expression : CSR (n_cited, n_genes)
        What the references measured, on the prediction's scale.
    measured : (n_genes, n_slides) bool
        Which of ``slides`` measured which gene.
    slides : (n_slides,)
    thumbnails : (n_cited, px, px, 3) uint8, optional
    removals : pandas.DataFrame, optional
        Leave-one-reference-out: columns spot, removed, reference, weight. For each spot and
        removed reference, the weights of the new solution.
    smoothing
        Smoothing of the cited references; None where Eq. 2 sums what was measured.
    groups : (n_weights,) int8, optional
        For every stored weight, the group of its query's citations that it belongs to, from 1;
        0 for those that no group took. See `spatialrag.prediction.grouping`.

    Examples
    --------
    >>> cited_by = prediction.citations
    >>> cited_by.weights.shape[0], bool((cited_by.n_active > 0).all())
    (56, True)
    """

    weights: sparse.csr_matrix
    references: pd.DataFrame
    expression: sparse.csr_matrix
    measured: np.ndarray
    slides: np.ndarray
    thumbnails: np.ndarray | None = None
    removals: pd.DataFrame | None = None
    smoothing: Smoothing | None = None
    groups: np.ndarray | None = None

    @property
    def n_active(self) -> np.ndarray:
        """References with a weight other than 0, per query, (n_queries,)."""
        return np.diff(self.weights.indptr)

    @property
    def effective_number(self) -> np.ndarray:
        """1 / sum of squared shares of absolute weight, per query, (n_queries,); 0 without any."""
        share = self.shares
        squares = np.asarray(share.multiply(share).sum(axis=1)).ravel()
        return np.divide(1, squares, out=np.zeros_like(squares), where=squares > 0)

    @property
    def shares(self) -> sparse.csr_matrix:
        """Absolute weights divided by their sum, CSR (n_queries, n_cited)."""
        absolute = abs(self.weights)
        total = np.asarray(absolute.sum(axis=1)).ravel()
        inverse = np.divide(1, total, out=np.zeros_like(total), where=total > 0)
        return (sparse.diags(inverse) @ absolute).tocsr()

    @cached_property
    def slide_of(self) -> np.ndarray:
        """Position in ``slides`` of each cited reference's slide, (n_cited,)."""
        return pd.Index(self.slides).get_indexer(self.references["slide"])

    @property
    def coverage(self) -> np.ndarray:
        """Share of a query's weight on references that measured the gene, (n_queries, n_genes)."""
        position = self.slide_of
        membership = sparse.csr_matrix(
            (np.ones(len(position)), (np.arange(len(position)), position)),
            shape=(len(position), len(self.slides)),
        )
        by_slide = (self.shares @ membership).toarray()
        return (by_slide @ self.measured.T).astype(np.float32)

    def smoothed(self, genes: np.ndarray | slice) -> np.ndarray:
        """Return smoothed expression (n_cited, n_chosen); 0 where a slide did not measure a gene.

        Without smoothing, what was measured.
        """
        if self.smoothing is None:
            return self.expression[:, genes].toarray()
        seen = self.measured[genes].T[self.slide_of]
        return np.where(seen, self.smoothing.values(genes), np.float32(0))

    def values(self, genes: np.ndarray | slice) -> np.ndarray:
        """Return what Eq. 2 sums, (n_cited, n_chosen) float64: in part smoothed, else measured."""
        measured = self.expression[:, genes].toarray().astype(np.float64)
        if self.smoothing is None:
            return measured
        share = self.smoothing.share
        return (1 - share) * measured + share * self.smoothed(genes)

    def over(self, genes: np.ndarray) -> "Citations":
        """Return the same citations over some of the genes, (n_genes,) bool."""
        return replace(
            self,
            expression=self.expression[:, genes],
            measured=self.measured[genes],
            smoothing=None if self.smoothing is None else self.smoothing.over(genes),
        )

    def sum_expression(self) -> np.ndarray:
        """Return Eq. 2, D_full a, for every query and gene, (n_queries, n_genes) float32."""
        total = (self.weights @ self.expression).toarray()
        if self.smoothing is not None:
            share = self.smoothing.share
            total *= 1 - share
            for genes in self.smoothing.blocks():
                total[:, genes] += share * (self.weights @ self.smoothed(genes))
        return total.astype(np.float32)


def cite(
    bank: Bank,
    rows: np.ndarray,
    weights: sparse.csr_matrix,
    scale: Scale,
    removals: pd.DataFrame | None = None,
    smoothing: Smoothing | None = None,
) -> Citations:
    """Return citations of bank references.

    Parameters
    ----------
    bank
        Where the references come from.
    rows : (n_candidates,)
        Which references the columns of ``weights`` are.
    weights : CSR (n_queries, n_candidates)
    scale
        Expression scale of the prediction.
    removals
        As in `Citations`, with positions among the candidates instead of names. References that
        only these cite are kept too.
    smoothing
        Smoothing of the candidates, where Eq. 2 sums smoothed expression.
    """
    weights = weights.tocsr()
    weights.eliminate_zeros()
    used = np.unique(weights.indices)
    if removals is not None:
        used = np.union1d(used, removals["reference"].to_numpy(np.int64))
        names = bank.references.index.to_numpy(str)[rows]
        removals = removals.assign(
            removed=names[removals["removed"]], reference=names[removals["reference"]]
        )
    chosen = rows[used]
    return Citations(
        weights=weights[:, used],
        references=bank.references.iloc[chosen],
        expression=bank.on_scale(scale)[chosen],
        measured=bank.measured,
        slides=bank.slides.index.to_numpy(str),
        thumbnails=None if bank.thumbnails is None else bank.thumbnails[chosen],
        removals=removals,
        smoothing=None if smoothing is None else smoothing.of(used),
    )
