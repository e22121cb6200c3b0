"""One look at the whole bank for all open queries: D'r, block by block.

What a scan keeps is small: per query the references that violate optimality most. Correlations are
computed in the design's own precision (usually float32), with a bound on their rounding errors, so
that nearly every reference is *proven* to be below a query's l1; the few at or above it
are computed again in float64 by the certificate.

References that cannot have reached any query's l1 since they were last looked at are skipped:
|d'(r − r_then)| ≤ ‖d‖ ‖r − r_then‖, and `Slack` holds what is left of the distance to l1, for
groups of queries.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spatialrag.progress import track
from spatialrag.solvers.precision import products_fit
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.working_set.products import BlockResult, Pairs, Products
from spatialrag.solvers.working_set.slack import Slack

_ELEMENTS = 1 << 24  # correlations held at a time
_BLOCK = 4096  # references at a time, at most
_FAR = 1.01  # times l1: a query with a reference beyond it is not close to its optimum


@dataclass(frozen=True, eq=False)
class Scan:
    """What one look found, for n queries.

    Parameters
    ----------
    peak, excess : (n,)
        Largest |d_i'r| and Σ (|d_i'r| − l1)₊² over references without weight. The sum is a lower
        bound where ``near`` exceeds what is kept.
    near : (n,)
        References without weight that are not proven to be below l1; counted to the end
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
    weighted: Pairs,
    *,
    keep: int,
    slack: Slack,
    products: Callable[..., Products],
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
    l1 = problem.l1[queries]
    tally = _Tally(l1, keep, complete=exact)
    lengths = np.sqrt(np.einsum("ij,ij->i", residual, residual))
    parts = _parts(problem, queries, residual, weighted, slack, products)
    size = int(np.clip(_ELEMENTS // len(queries), 256, _BLOCK))
    blocks = problem.references.blocks(size, _wanted_by_any(parts))
    if problem.references.stored:
        blocks = track(blocks, label=label, total=-(-problem.n_references // size))
    for block, own in blocks:
        every_row = own.astype(np.float64, copy=False) if exact else own
        every_norm = slack.measure(block, own)
        for part in parts:
            references, rows, norms = part.only_wanted(block, every_row, every_norm)
            if len(references) == 0:
                continue
            where = part.positions
            if not products_fit(norms.max(), lengths[where], l1[where]):
                rows = rows.astype(np.float64, copy=False)
            lowest = _lowest(l1[where], rows, norms.max(), lengths[where], part.look)
            found = part.look(references, rows, lowest, tally.cut(where, lowest), keep)
            slack.record(part.groups, references, norms, found.above)
            tally.add(where, found, lowest, references)
    return tally.result()


def _lowest(
    l1: np.ndarray, rows: np.ndarray, norm: float, lengths: np.ndarray, look: Products
) -> np.ndarray:
    """Return what a computed |d'r| must exceed for the true one to reach l1, (n,)."""
    # Rounding of the residual, products and sum in any order (Higham 2002, eq. 3.5).
    bound = (rows.shape[1] + 8) * look.unit(rows.dtype)
    underflow = (rows.shape[1] + 8) * float(np.finfo(rows.dtype).tiny) * (1 + norm)
    return l1 - bound * (norm * lengths + l1) - np.where(lengths > 0, underflow, 0.0)


@dataclass(frozen=True, eq=False)
class _Part:
    """Queries that look at the same references.

    Parameters
    ----------
    positions
        Positions of these queries among all that are looked at, ascending.
    groups
        Their groups.
    wanted : (n_references,) bool or None
        References that may matter to them; all when None.
    look
        Their products.
    """

    positions: np.ndarray
    groups: np.ndarray
    wanted: np.ndarray | None
    look: Products

    def only_wanted(
        self, references: np.ndarray, rows: np.ndarray, norms: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return references, rows and norms of those that may matter."""
        if self.wanted is None:
            return references, rows, norms
        chosen = self.wanted[references]
        return references[chosen], rows[chosen], norms[chosen]


def _parts(
    problem: Problem,
    queries: np.ndarray,
    residual: np.ndarray,
    weighted: Pairs,
    slack: Slack,
    products: Callable[..., Products],
) -> list[_Part]:
    """Return one part of the groups that want most references, and one for each other group."""
    group = slack.group_of(queries)
    groups = np.unique(group)
    share = (slack.room[groups] <= 0).mean(axis=1)
    sets = [(groups[share > 0.5], None)]
    sets += [(np.array([g]), slack.room[g] <= 0) for g in groups[share <= 0.5]]
    parts = []
    for some, wanted in sets:
        at = np.flatnonzero(np.isin(group, some))
        if len(at):
            starts = np.searchsorted(group[at], some)
            look = products(problem, queries[at], residual[at], weighted.select(at), starts)
            parts.append(_Part(at, some, wanted, look))
    return parts


def _wanted_by_any(parts: list[_Part]) -> np.ndarray | None:
    wanted = [part.wanted for part in parts if part.wanted is not None]
    return np.logical_or.reduce(wanted) if len(wanted) == len(parts) else None


class _Tally:
    """Sums over blocks of what a `Scan` holds."""

    def __init__(self, l1: np.ndarray, keep: int, *, complete: bool) -> None:
        self._l1, self._keep, self._complete = l1, keep, complete
        self._top = _Top(len(l1), keep)
        self._peak, self._excess, self._near = np.zeros((3, len(l1)))
        self._looked_at = 0

    def cut(self, at: np.ndarray, lowest: np.ndarray) -> np.ndarray:
        """Return what queries at some positions must exceed to count, ``lowest`` subtracted.

        Of a query that is far from its optimum, and has more references above l1 than are
        kept, only what can be among the kept matters.
        """
        far = (self._near[at] > self._keep) & (self._peak[at] > _FAR * self._l1[at])
        far &= not self._complete
        return np.where(far, np.maximum(self._top.least[at] - lowest, 0), 0)

    def add(
        self, at: np.ndarray, found: BlockResult, lowest: np.ndarray, references: np.ndarray
    ) -> None:
        """Add a block of the queries at some positions."""
        self._looked_at += len(lowest) * len(references)
        self._peak[at] = np.maximum(self._peak[at], found.highest + lowest)
        self._excess[at] += found.excess
        self._near[at] += found.near
        value = found.value + lowest[found.query]
        self._top.add(at[found.query], references[found.column], value)

    def result(self) -> Scan:
        near = self._near.astype(np.int64)
        return Scan(self._peak, self._excess, near, *self._top.result(), self._looked_at)


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
