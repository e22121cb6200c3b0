"""A single-cell bank: cells and type means of many data sets under one set of types."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag.bank.content import hash_part
from spatialrag.errors import InputError, listing, raise_all
from spatialrag.expression.measured_matrix import MeasuredMatrix
from spatialrag.expression.normalize import SIZE_FACTOR
from spatialrag.provenance import fingerprint

COUNTS, MEANS = "counts", "means"
COLUMNS = ("dataset", "donor", "cell", "cell_type", "source_type", "total_counts")


@dataclass(frozen=True, eq=False)
class CellBank:
    """Cells (counts) and type means (linear values), with harmonized types.

    Parameters
    ----------
    expression : CSR (n_cells, n_genes)
        float32 as measured: counts of cells, linear values of type means; 0 where a data set did
        not measure a gene (see ``measured``).
    genes : (n_genes,)
        Sorted; each is measured by at least one data set.
    cells : pandas.DataFrame
        Index ``dataset:cell``; columns dataset, donor, cell, cell_type, source_type (the label
        before it was mapped), total_counts (sum of the row).
    measured : (n_genes, n_datasets) bool
        Columns in the order of ``datasets``.
    datasets : pandas.DataFrame
        Index dataset; columns values (``counts``, or ``means`` for type means that stand in as
        pseudo-cells), source, citation, hash.

    Examples
    --------
    >>> cells.n_cells, cells.types.tolist()
    (60, ['immune', 'stroma', 'tumor'])
    """

    expression: sparse.csr_matrix
    genes: np.ndarray
    cells: pd.DataFrame
    measured: np.ndarray
    datasets: pd.DataFrame

    def __post_init__(self) -> None:
        faults = self.matrix.faults("cells", len(self.cells), len(self.datasets))
        if self.expression.shape[0] == 0:
            faults.append("there is no cell left")
        raise_all(faults, subject="single-cell bank")

    @property
    def n_cells(self) -> int:
        """Number of cells and pseudo-cells."""
        return len(self.cells)

    @cached_property
    def types(self) -> np.ndarray:
        """Types with at least one cell, sorted."""
        return np.unique(self.cells["cell_type"].to_numpy(str))

    @property
    def matrix(self) -> MeasuredMatrix:
        """Expression, and which data set measured which gene, as one: nothing is copied."""
        return MeasuredMatrix(self.expression, self.genes, self.measured, self.dataset_of)

    @property
    def dataset_of(self) -> np.ndarray:
        """Position in ``datasets`` of each cell's data set, (n_cells,)."""
        return self.datasets.index.get_indexer(self.cells["dataset"])

    @property
    def pseudo(self) -> np.ndarray:
        """Which rows are type means rather than cells, (n_cells,) bool."""
        return (self.datasets["values"].to_numpy(str) == MEANS)[self.dataset_of]

    @cached_property
    def fingerprint(self) -> str:
        """Content hash; independent of the order in which data sets were added."""
        return fingerprint(sorted(self.datasets["hash"]))

    @property
    def counts_by_type(self) -> pd.DataFrame:
        """Cells of each type in each data set, types in rows."""
        return pd.crosstab(self.cells["cell_type"], self.cells["dataset"])

    def one_hot(self, types: Iterable[str]) -> np.ndarray:
        """Return which of ``types`` each cell is, (n_cells, n_types) float64."""
        types = np.asarray(list(types), str)
        return (self.cells["cell_type"].to_numpy(str)[:, None] == types).astype(float)

    def without(self, datasets: Iterable[str]) -> "CellBank":
        """Return the bank less some data sets; everything else stays bit-identical.

        Raises
        ------
        InputError
            A name is not in the bank, or nothing would be left.
        """
        gone = set(datasets)
        unknown = gone - set(self.datasets.index)
        if unknown:
            raise InputError(
                f"not in the single-cell bank: {listing(sorted(unknown))}",
                expected=listing(self.datasets.index, 40),
            )
        keep = ~self.datasets.index.isin(gone)
        if not keep.any():
            raise InputError("no data set would be left in the single-cell bank")
        kept, rows = self.matrix.keep(keep)
        return replace(
            self,
            expression=kept.values,
            genes=kept.genes,
            cells=self.cells[rows],
            measured=kept.measured,
            datasets=self.datasets[keep],
        )

    def profiles(self, genes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return linear profiles of named genes, and which of them were measured.

        Cells are scaled to 10,000 counts over all their genes. Type means state no depth: theirs
        is set so that, over the genes they share with the cells, a type's mean has the total that
        the cells of that type have (the median over shared types; all cells where none is shared).

        Parameters
        ----------
        genes : (n,)

        Returns
        -------
        profiles : (n_cells, n)
            float32; 0 where not measured.
        measured : (n_cells, n) bool
        """
        linear, measured = self._linear(genes)
        return linear.astype(np.float32).toarray(), measured[self.dataset_of]

    def type_means(self, genes: np.ndarray, types: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean linear profile of each type, and how many of its cells measured a gene.

        Parameters
        ----------
        genes : (n,)
        types
            Those without a cell have means and numbers of 0.

        Returns
        -------
        means, seen : (n_types, n)
        """
        linear, measured = self._linear(genes)
        member = self.one_hot(types)
        by_dataset = self.dataset_of[:, None] == np.arange(len(self.datasets))
        seen = (member.T @ by_dataset) @ measured
        return np.asarray(linear.T @ member).T / np.maximum(seen, 1), seen

    def _linear(self, genes: np.ndarray) -> tuple[sparse.csr_matrix, np.ndarray]:
        """Return linear profiles (n_cells, n), CSR, and the genes each data set measured."""
        linear = sparse.diags(self._factors()) @ self.expression.astype(np.float64)
        wanted = replace(self.matrix, values=linear).over(genes)
        return wanted.values, wanted.measured.T

    def _factors(self) -> np.ndarray:
        totals = self.cells["total_counts"].to_numpy(float)
        factors = SIZE_FACTOR / np.where(totals > 0, totals, np.inf)
        pseudo = self.pseudo
        if pseudo.all():
            return factors
        cells = sparse.diags(factors[~pseudo]) @ self.expression[~pseudo].astype(np.float64)
        everywhere = self.measured[:, np.unique(self.dataset_of[~pseudo])].all(axis=1)
        kinds = self.cells["cell_type"].to_numpy(str)
        for dataset in np.unique(self.dataset_of[pseudo]):
            rows = np.flatnonzero(self.dataset_of == dataset)
            shared = everywhere & self.measured[:, dataset]
            own = np.asarray(self.expression[rows][:, shared].sum(axis=1)).ravel()
            depth = np.asarray(cells[:, shared].sum(axis=1)).ravel()
            ratios = [
                depth[kinds[~pseudo] == kinds[row]].mean() / total
                for row, total in zip(rows, own, strict=True)
                if total > 0 and (kinds[~pseudo] == kinds[row]).any()
            ]
            if not ratios and own.mean() > 0:
                ratios = [depth.mean() / own.mean()]
            factors[rows] = np.median(ratios) if ratios else 0.0
        return factors


def hash_dataset(bank: CellBank, dataset: str) -> str:
    """Return the content hash of one data set of a bank: see `hash_part`."""
    part, rows = bank.matrix.of_source(bank.datasets.index.get_loc(dataset))
    return hash_part(
        dataset,
        bank.datasets.loc[dataset],
        bank.cells[rows],
        genes=part.genes,
        expression=part.values,
        arrays={},
    )


def former_hash_dataset(bank: CellBank, dataset: str) -> str:
    """Return the hash by the rule of schema 1, which passes over names and depths."""
    part, rows = bank.matrix.of_source(bank.datasets.index.get_loc(dataset))
    cells, entry = bank.cells[rows], bank.datasets.loc[dataset]
    return fingerprint(
        dataset,
        entry["values"],
        entry["source"],
        entry["citation"],
        part.genes.tolist(),
        *[cells[column].tolist() for column in COLUMNS[1:5]],
        part.values,
    )
