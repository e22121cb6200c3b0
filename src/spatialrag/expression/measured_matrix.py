"""Expression of several sources (slides, data sets), each of which measured genes of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag.expression.genes import spread_columns


@dataclass(frozen=True, eq=False)
class MeasuredMatrix:
    """Rows of expression over the union of genes, and which source measured which gene.

    A value of 0 says that nothing was seen only where the row's source measured the gene.

    Parameters
    ----------
    values : CSR (n, n_genes)
        0 where a row's source did not measure the gene.
    genes : (n_genes,)
        Sorted.
    measured : (n_genes, n_sources) bool
        Which source measured which gene.
    source_of : (n,)
        Position of each row's source among the columns of ``measured``.

    Examples
    --------
    >>> matrix = bank.matrix
    >>> matrix.values.shape == (bank.n_references, len(bank.genes)), matrix.measured.shape[1]
    (True, 3)
    """

    values: sparse.csr_matrix
    genes: np.ndarray
    measured: np.ndarray
    source_of: np.ndarray

    @property
    def everywhere(self) -> np.ndarray:
        """Genes that every source measured, (n_genes,) bool."""
        return np.all(self.measured, axis=1)

    @property
    def seen(self) -> np.ndarray:
        """Whether a row's source measured a gene, (n, n_genes) bool."""
        return self.measured.T[self.source_of]

    def faults(self, rows: str, n_rows: int, n_sources: int) -> list[str]:
        """Return what does not fit together, for a message: empty where all does.

        Parameters
        ----------
        rows
            What the rows are called: references, cells.
        n_rows, n_sources
            That the tables of rows and sources have.
        """
        n, g = self.values.shape
        found = []
        if n_rows != n or len(self.genes) != g:
            found.append(
                f"expression is {(n, g)}, but there are {n_rows} {rows} and {len(self.genes)} genes"
            )
        if self.measured.shape != (g, n_sources):
            found.append(f"the measured mask is {self.measured.shape}")
        return found

    def keep(self, sources: np.ndarray) -> tuple["MeasuredMatrix", np.ndarray]:
        """Return some sources alone, with the genes these measured, and the rows they have.

        Parameters
        ----------
        sources : (n_sources,) bool
            Which stay.

        Returns
        -------
        kept : MeasuredMatrix
        rows : (n,) bool
            Which of these rows it holds.
        """
        rows, columns = sources[self.source_of], self.measured[:, sources].any(axis=1)
        kept = MeasuredMatrix(
            values=self.values[rows][:, columns],
            genes=self.genes[columns],
            measured=self.measured[np.ix_(columns, sources)],
            source_of=(np.cumsum(sources) - 1)[self.source_of[rows]],
        )
        return kept, rows

    def of_source(self, position: int) -> tuple["MeasuredMatrix", np.ndarray]:
        """Return one source alone, and the rows it has: see `keep`."""
        return self.keep(np.arange(self.measured.shape[1]) == position)

    def over(self, genes: np.ndarray) -> "MeasuredMatrix":
        """Return the same rows over other genes; those unknown here count as measured by none.

        Parameters
        ----------
        genes : (n,)
            In any order.
        """
        position = pd.Index(self.genes).get_indexer(np.asarray(genes, str))
        known = np.flatnonzero(position >= 0)
        measured = np.zeros((len(position), self.measured.shape[1]), bool)
        measured[known] = self.measured[position[known]]
        values = self.values[:, position[known]].tocsr()
        return MeasuredMatrix(
            values=spread_columns(values, known, len(position)),
            genes=np.asarray(genes),
            measured=measured,
            source_of=self.source_of,
        )


def join_matrices(parts: Sequence[MeasuredMatrix]) -> MeasuredMatrix:
    """Return one matrix of several: the union of their genes, rows and sources in order.

    Examples
    --------
    >>> joined = join_matrices([bank.matrix, bank.matrix])
    >>> joined.measured.shape[1], len(joined.source_of) == 2 * bank.n_references
    (6, True)
    """
    genes = np.unique(np.concatenate([part.genes for part in parts]))
    wide = [part.over(genes) for part in parts]
    start = np.cumsum([0, *(part.measured.shape[1] for part in parts)])
    return MeasuredMatrix(
        values=sparse.vstack([part.values for part in wide], format="csr"),
        genes=genes,
        measured=np.hstack([part.measured for part in wide]),
        source_of=np.concatenate(
            [part.source_of + first for part, first in zip(parts, start, strict=False)]
        ),
    )
