"""D'r of some queries, one block of references at a time."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from spatialrag.solvers.problem import Problem


@dataclass(frozen=True, eq=False)
class BlockResult:
    """What lies above ``lowest`` in one block; all values have it subtracted.

    Parameters
    ----------
    above : (n_groups, b)
        Largest value of each reference over each group's queries, with weight or not.
    highest : (n,)
        Largest value of each query over references without weight.
    near, excess : (n,)
        How many of these exceed the cut, and Σ (value + lowest − l1)₊² of them.
    query, column, value
        The largest of them, sorted by query: position of query and of reference, value.
    """

    above: np.ndarray
    highest: np.ndarray
    near: np.ndarray
    excess: np.ndarray
    query: np.ndarray
    column: np.ndarray
    value: np.ndarray


@dataclass(frozen=True, eq=False)
class Pairs:
    """(query, reference) pairs, found by blocks of references.

    Parameters
    ----------
    queries, columns : (n_pairs,)
        Sorted by column, which is the reference.
    """

    queries: np.ndarray
    columns: np.ndarray

    @classmethod
    def of(cls, references: list[np.ndarray]) -> "Pairs":
        """Take each query's references."""
        queries = np.repeat(np.arange(len(references)), [len(r) for r in references])
        columns = np.concatenate([np.empty(0, np.int64), *references])
        order = np.argsort(columns, kind="stable")
        return cls(queries[order], columns[order])

    def select(self, queries: np.ndarray) -> "Pairs":
        """Return the pairs of some (ascending) queries, renumbered."""
        chosen = np.isin(self.queries, queries)
        return Pairs(np.searchsorted(queries, self.queries[chosen]), self.columns[chosen])

    def within(self, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (queries, positions in ``references``, which ascend) of the pairs among them."""
        start, stop = np.searchsorted(self.columns, [references[0], references[-1] + 1])
        queries, columns = self.queries[start:stop], self.columns[start:stop]
        position = np.searchsorted(references, columns)
        there = references[position] == columns
        return queries[there], position[there]


class Products(Protocol):
    """D'r of some queries, one block of references at a time, on some device."""

    def unit(self, dtype: np.dtype) -> float:
        """Return the unit roundoff of products of this type."""
        ...

    def __call__(
        self,
        references: np.ndarray,
        rows: np.ndarray,
        lowest: np.ndarray,
        cut: np.ndarray,
        keep: int,
    ) -> BlockResult:
        """Look at one block.

        Parameters
        ----------
        references : (b,)
        rows : (b, m)
        lowest : (n,)
            Correlations at or below it cannot matter.
        cut : (n,)
            What must be exceeded beyond ``lowest`` to be returned.
        keep
            References per query that the caller keeps; more may be returned.
        """
        ...


class NumpyProducts:
    """Products on the CPU."""

    def __init__(
        self,
        problem: Problem,
        queries: np.ndarray,
        residual: np.ndarray,
        weighted: Pairs,
        starts: np.ndarray,
    ) -> None:
        """Take the residuals, (n, m), of the named queries, and where their groups start."""
        self._problem, self._queries, self._weighted = problem, queries, weighted
        self._groups = list(pairwise([*starts, len(queries)]))
        self._residual = {np.dtype(np.float64): residual}

    def unit(self, dtype: np.dtype) -> float:
        """Return half the spacing at 1."""
        return float(np.finfo(dtype).eps) / 2

    def __call__(
        self,
        references: np.ndarray,
        rows: np.ndarray,
        lowest: np.ndarray,
        cut: np.ndarray,
        keep: int,  # noqa: ARG002  choosing the largest is cheaper over all blocks
    ) -> BlockResult:
        """Look at one block."""
        if rows.dtype not in self._residual:
            self._residual[rows.dtype] = self._residual[np.dtype(np.float64)].astype(rows.dtype)
        above = self._residual[rows.dtype] @ rows.T
        if not self._problem.positive:
            np.abs(above, out=above)
        above -= lowest.astype(rows.dtype)[:, None]
        self._problem.mask_banned(above, self._queries, references, -np.inf)
        # Several times faster than np.maximum.reduceat.
        by_group = np.stack([above[start:stop].max(axis=0) for start, stop in self._groups])
        above[self._weighted.within(references)] = -np.inf
        highest = above.max(axis=1).astype(np.float64)
        some = np.flatnonzero(highest > cut)
        part = above if len(some) == len(above) else above[some]
        query, column = np.nonzero(part > cut[some].astype(rows.dtype)[:, None])
        value = part[query, column].astype(np.float64)
        query, n = some[query], len(above)
        over = np.maximum(value + (lowest - self._problem.l1[self._queries])[query], 0)
        excess = np.bincount(query, weights=over * over, minlength=n)
        near = np.bincount(query, minlength=n)
        return BlockResult(by_group, highest, near, excess, query, column, value)
