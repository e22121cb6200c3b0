"""One look at the whole bank for all open queries: D'r, block by block.

What a scan keeps is small: per query the references that violate optimality most. Correlations are
computed in the design's own precision (usually float32), with a bound on their rounding errors, so
that every reference below a query's line is *proven* to be below it; the few at or above the line
are computed again in float64 by the certificate.

References that cannot have reached any query's line since they were last looked at are skipped:
|d'(r − r_then)| ≤ ‖d‖ ‖r − r_then‖, and what is left of the distance to the line is `Slack`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from spatialrag.progress import track
from spatialrag.solvers.problem import Problem

_ELEMENTS = 1 << 24  # correlations held at a time
_BLOCK = 4096  # references at a time, at most
_FAR = 1.01  # times the line: a query with a reference beyond it is not close to its optimum


@dataclass(eq=False)
class Slack:
    """How far the residuals may move before a reference can matter to any query.

    Parameters
    ----------
    norms : (n_references,)
        ‖d_i‖; NaN before the first scan.
    room : (n_references,)
        Lower bound of (line − |d_i'r|) / ‖d_i‖ over the queries.
    """

    norms: np.ndarray
    room: np.ndarray

    @classmethod
    def unknown(cls, n_references: int) -> "Slack":
        """Return the state before anything was looked at."""
        return cls(np.full(n_references, np.nan), np.full(n_references, -np.inf))

    def measure(self, references: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the norms of some references, computed on first sight."""
        norms = self.norms[references]
        if np.isnan(norms).any():
            squares = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
            norms = self.norms[references] = np.sqrt(squares)
        return norms

    def record(self, references: np.ndarray, norms: np.ndarray, above: np.ndarray) -> None:
        """Store what is left below the line; ``above`` is the largest |d_i'r| − line."""
        with np.errstate(divide="ignore", invalid="ignore"):
            room = -above / norms
        self.room[references] = np.where(norms > 0, room, np.where(above < 0, np.inf, -np.inf))


@dataclass(frozen=True, eq=False)
class Scan:
    """What one look found, for n queries.

    Parameters
    ----------
    peak, excess : (n,)
        Largest |d_i'r| and Σ (|d_i'r| − l1)₊² over references without weight. The sum is a lower
        bound where ``near`` exceeds what is kept.
    near : (n,)
        References without weight that are not proven to be below the line; counted to the end
        only where they are no more than what is kept.
    first : (n + 1,)
        Where each query's references start in the two arrays that follow.
    references, values
        Those with the largest |d_i'r|, descending, per query at most as many as were asked for.
    looked_at
        Products d_i'r computed.
    """

    peak: np.ndarray
    excess: np.ndarray
    near: np.ndarray
    first: np.ndarray
    references: np.ndarray
    values: np.ndarray
    looked_at: int

    def of(self, query: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (references, values) of one query."""
        part = slice(self.first[query], self.first[query + 1])
        return self.references[part], self.values[part]


def scan(
    problem: Problem,
    queries: np.ndarray,
    residual: np.ndarray,
    weighted: "Pairs",
    line: np.ndarray,
    *,
    keep: int,
    slack: Slack,
    products: Callable[..., "Products"],
    exact: bool = False,
    label: str = "",
) -> Scan:
    """Look at every reference that may matter to the named queries.

    Parameters
    ----------
    residual : (n, m)
        b − D a times the row weights, float64, C-contiguous.
    weighted
        The references with weight: their exact correlations are known elsewhere.
    line : (n,)
        At most l1; references that may lie above it are kept.
    keep
        References returned per query.
    slack
        Read to skip references, and updated.
    products
        Makes the `Products` of some queries.
    exact
        Compute in float64, and the sums to the end for every query.
    label
        Shown beside the progress bar that a stored design gets.
    """
    tally = _Tally(problem.l1[queries], keep, complete=exact)
    lengths = np.sqrt(np.einsum("ij,ij->i", residual, residual))
    look = products(problem, queries, residual, weighted)
    size = int(np.clip(_ELEMENTS // len(queries), 256, _BLOCK))
    blocks = problem.references.blocks(size, slack.room <= 0)
    if problem.references.stored:
        blocks = track(blocks, label=label, total=-(-problem.n_references // size))
    for references, own in blocks:
        rows = own.astype(np.float64, copy=False) if exact else own
        norms = slack.measure(references, rows)
        # Rounding of the residual, the products and their sum in any order (Higham 2002, eq. 3.5).
        bound = (rows.shape[1] + 8) * look.unit(rows.dtype)
        lowest = line - bound * (norms.max() * lengths + line)
        found = look(references, rows, lowest, tally.cut(lowest), keep)
        slack.record(references, norms, found.above)
        tally.add(found, lowest, references)
    return tally.result()


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
    ) -> "Found":
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


@dataclass(frozen=True, eq=False)
class Found:
    """What lies above ``lowest`` in one block; all values have it subtracted.

    Parameters
    ----------
    above : (b,)
        Largest value of each reference over the queries, cited or not.
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


class NumpyProducts:
    """Products on the CPU."""

    def __init__(
        self, problem: Problem, queries: np.ndarray, residual: np.ndarray, weighted: "Pairs"
    ) -> None:
        """Take the residuals, (n, m), of the named queries."""
        self._problem, self._queries, self._weighted = problem, queries, weighted
        self._residual = {
            np.dtype(dtype): residual.astype(dtype) for dtype in (np.float32, np.float64)
        }

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
    ) -> Found:
        """Look at one block."""
        above = self._residual[rows.dtype] @ rows.T
        if not self._problem.positive:
            np.abs(above, out=above)
        above -= lowest.astype(rows.dtype)[:, None]
        self._problem.strike(above, self._queries, references, -np.inf)
        by_reference = above.max(axis=0).astype(np.float64)
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
        return Found(by_reference, highest, near, excess, query, column, value)


class _Tally:
    """Sums over blocks of what a `Scan` holds."""

    def __init__(self, l1: np.ndarray, keep: int, *, complete: bool) -> None:
        self._l1, self._keep, self._complete = l1, keep, complete
        self._top = _Top(len(l1), keep)
        self._peak, self._excess, self._near = np.zeros((3, len(l1)))
        self._looked_at = 0

    def cut(self, lowest: np.ndarray) -> np.ndarray:
        """Return what must be exceeded to count, (n,), ``lowest`` subtracted.

        Of a query that is far from its optimum, and has more references above its line than are
        kept, only what can be among the kept matters.
        """
        far = (self._near > self._keep) & (self._peak > _FAR * self._l1) & (not self._complete)
        return np.where(far, np.maximum(self._top.least - lowest, 0), 0)

    def add(self, found: Found, lowest: np.ndarray, references: np.ndarray) -> None:
        """Add a block."""
        self._looked_at += len(lowest) * len(references)
        self._peak = np.maximum(self._peak, found.highest + lowest)
        self._excess += found.excess
        self._near += found.near
        value = found.value + lowest[found.query]
        self._top.add(found.query, references[found.column], value)

    def result(self) -> Scan:
        near = self._near.astype(np.int64)
        return Scan(self._peak, self._excess, near, *self._top.result(), self._looked_at)


class Pairs:
    """(query, reference) pairs, found by blocks of references."""

    def __init__(self, references: list[np.ndarray]) -> None:
        """Take each query's references."""
        queries = np.repeat(np.arange(len(references)), [len(r) for r in references])
        columns = np.concatenate([np.empty(0, np.int64), *references])
        order = np.argsort(columns, kind="stable")
        self._queries, self._columns = queries[order], columns[order]

    def within(self, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (queries, positions in ``references``, which ascend) of the pairs among them."""
        start, stop = np.searchsorted(self._columns, [references[0], references[-1] + 1])
        queries, columns = self._queries[start:stop], self._columns[start:stop]
        position = np.searchsorted(references, columns)
        there = references[position] == columns
        return queries[there], position[there]


class _Top:
    """The ``keep`` largest values of each query, of all that are added."""

    def __init__(self, n_queries: int, keep: int) -> None:
        self._n, self._keep = n_queries, keep
        self.least = np.full(n_queries, -np.inf)  # nothing below can be among the largest
        self._parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._size = 0

    def add(self, query: np.ndarray, reference: np.ndarray, value: np.ndarray) -> None:
        """Add entries sorted by query."""
        chosen = value > self.least[query]
        query, reference, value = query[chosen], reference[chosen], value[chosen]
        counts = np.bincount(query, minlength=self._n)
        ends = np.cumsum(counts)
        for crowded in np.flatnonzero(counts > self._keep):
            part = value[ends[crowded] - counts[crowded] : ends[crowded]]
            cut = len(part) - self._keep
            self.least[crowded] = max(self.least[crowded], np.partition(part, cut)[cut])
        chosen = value >= self.least[query]
        self._parts.append((query[chosen], reference[chosen], value[chosen]))
        self._size += int(chosen.sum())
        if self._size > 4 * self._n * self._keep:
            self._merge()

    def result(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return where each query starts, references and values, largest first."""
        self._merge()
        query, reference, value = self._parts[0]
        return np.searchsorted(query, np.arange(self._n + 1)), reference, value

    def _merge(self) -> None:
        empty = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
        query, reference, value = (
            np.concatenate(part) for part in zip(empty, *self._parts, strict=True)
        )
        # Ties go to the earlier reference, whatever the blocks were.
        order = np.lexsort((reference, -value, query))
        query, reference, value = query[order], reference[order], value[order]
        rank = np.arange(len(query)) - np.searchsorted(query, query)
        full = rank == self._keep - 1
        self.least[query[full]] = value[full]
        inside = rank < self._keep
        self._parts = [(query[inside], reference[inside], value[inside])]
        self._size = int(inside.sum())
