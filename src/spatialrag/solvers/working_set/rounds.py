"""The rounds of the working-set solver: look, certify, grow, solve.

A round looks once at the whole bank for all open queries (`scan`), closes those whose duality gap
is proven, gives the others the references that violate optimality most, and solves each on its
working set (`small`).
"""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress

import numpy as np
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.solution import Solution, Status, is_reached
from spatialrag.solvers.working_set.kernels import Kernels
from spatialrag.solvers.working_set.products import Pairs
from spatialrag.solvers.working_set.scan import Scan, scan
from spatialrag.solvers.working_set.slack import Slack
from spatialrag.solvers.working_set.state import State, Trace

_SPARE = 32  # references kept beyond those to add: what lies at l1 without weight
_HOPEFUL = 2.0  # times the tolerance: a smaller estimated gap is worth computing in float64


@dataclass(frozen=True, eq=False)
class Rounds:
    """The rounds of one problem.

    Parameters
    ----------
    problem, tol, grow
        What is solved, how well, and how many references a query gets per round at least.
    kernels
        Where things are computed.
    state
        What is known of the queries.
    slack
        Which references can be skipped.
    trace
        What was done.
    """

    problem: Problem
    tol: float
    grow: int
    kernels: Kernels
    state: State
    slack: Slack
    trace: Trace

    @classmethod
    def start(cls, problem: Problem, tol: float, grow: int, kernels: Kernels) -> "Rounds":
        """Return every query without references."""
        state, slack = State.empty(problem), Slack.unknown(problem)
        return cls(problem, tol, grow, kernels, state, slack, Trace([]))

    def restated(self, problem: Problem) -> "Rounds":
        """Turn to a problem of the same path, see `require_alike`.

        Working sets, their Gram matrices and weights stay: the start of a nearby problem.
        """
        self.slack.forget()
        return replace(self, problem=problem, state=self.state.restated(problem))

    def enter(self, start: sparse.csr_matrix) -> None:
        """Take allowed weights, CSR (n_queries, n_references), into empty working sets."""
        design = self.problem.references
        design.hold(np.unique(start.indices))
        for query, small in enumerate(self.state.smalls):
            own = slice(start.indptr[query], start.indptr[query + 1])
            if own.start < own.stop:
                self.kernels.extend(small, design, start.indices[own].astype(np.int64))
                small.place(design, start.data[own])

    def look(self, queries: np.ndarray) -> np.ndarray:
        """Look at the bank, certify, add references; return the queries left to solve."""
        found, keep = self._scan(queries)
        smalls = [self.state.smalls[query] for query in queries]
        estimate = np.array(
            [small.gap(found.excess[i], found.peak[i]) for i, small in enumerate(smalls)]
        )
        objective = np.array([small.objective for small in smalls])
        hopeful = estimate <= _HOPEFUL * self.tol * objective
        self.state.gap[queries], self.state.proven[queries] = estimate, False
        self.state.passes[queries] += 1
        chosen = [self._violators(q, found.of(i)) for i, q in enumerate(queries)]
        near = [found.of(i)[0] for i in np.flatnonzero(hopeful).tolist()]
        self.problem.references.hold(_union([*near, *chosen]))
        crowded = []
        for i in np.flatnonzero(hopeful).tolist():
            if found.near[i] > keep:
                crowded.append(queries[i])
            else:
                chosen[i] = self._prove(queries[i], found.of(i)[0])
        self.prove_all(np.array(crowded, np.int64))
        return self._extend(queries, chosen)

    def solve(self, queries: np.ndarray) -> None:
        """Solve queries on their working sets."""
        self.kernels.solve([self.state.smalls[q] for q in queries], self.problem.references)

    def prove_all(self, queries: np.ndarray) -> None:
        """Compute gaps by a look in float64 that skips nothing."""
        if len(queries) == 0:
            return
        exact = scan(
            self.problem,
            queries,
            self._residuals(queries),
            self._pairs(queries),
            keep=1,
            slack=Slack.unknown(self.problem),
            products=self.kernels.products,
            exact=True,
            label="proof",
        )
        for i, query in enumerate(queries):
            self.state.gap[query] = self.state.smalls[query].gap(exact.excess[i], exact.peak[i])
        self.state.proven[queries] = True
        self.trace.looked_at.append(exact.looked_at)

    def solution(self) -> Solution:
        """Return the weights with their certificates."""
        self.prove_all(np.flatnonzero(~self.state.proven))
        objective = np.array([small.objective for small in self.state.smalls])
        reached = is_reached(self.state.gap, objective, self.tol)
        status = np.where(reached, Status.CONVERGED.value, self.state.status)
        entries = []
        for small in self.state.smalls:
            order = np.argsort(small.cited)
            entries.append((small.weights[small.active][order], small.cited[order]))
        bounds = np.concatenate([[0], np.cumsum([len(data) for data, _ in entries])])
        weights = sparse.csr_matrix(
            (
                np.concatenate([data for data, _ in entries]),
                np.concatenate([columns for _, columns in entries]),
                bounds,
            ),
            shape=(self.problem.n_queries, self.problem.n_references),
        )
        return Solution(weights, self.state.gap, objective, self.state.passes, status)

    @cached_property
    def _marks(self) -> np.ndarray:
        return np.zeros(self.problem.n_references, bool)  # False between calls

    def _scan(self, queries: np.ndarray) -> tuple[Scan, int]:
        residual = self._residuals(queries)
        self.slack.move(queries, residual)
        keep = max(self._count(query) for query in queries) + _SPARE
        found = scan(
            self.problem,
            queries,
            residual,
            self._pairs(queries),
            keep=keep,
            slack=self.slack,
            products=self.kernels.products,
            label=f"pass {len(self.trace.looked_at) + 1}, {len(queries)} open",
        )
        self.trace.looked_at.append(found.looked_at)
        return found, keep

    def _residuals(self, queries: np.ndarray) -> np.ndarray:
        return np.stack([self.state.smalls[q].residual for q in queries]) * self.problem.row_weights

    def _pairs(self, queries: np.ndarray) -> Pairs:
        return Pairs.of([self.state.smalls[query].cited for query in queries])

    def _count(self, query: int) -> int:
        return max(self.grow, len(self.state.smalls[query].active))

    def _violators(self, query: int, found: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Return the references to add, largest violation first."""
        references, values = found
        small = self.state.smalls[query]
        references = references[values > small.terms.l1]
        # Marking is many times faster than np.isin.
        self._marks[small.members] = True
        new = references[~self._marks[references]]
        self._marks[small.members] = False
        return new[: self._count(query)]

    def _prove(self, query: int, references: np.ndarray) -> np.ndarray:
        """Compute one gap in float64 and return the references to add."""
        small = self.state.smalls[query]
        rows = self.problem.references.take(references).astype(np.float64, copy=False)
        values = rows @ (small.terms.row_weights * small.residual)
        values = values if small.terms.positive else np.abs(values)
        over = np.maximum(values - small.terms.l1, 0)
        self.state.gap[query] = small.gap(float(over @ over), float(values.max(initial=0.0)))
        self.state.proven[query] = True
        return self._violators(query, (references, values))

    def _extend(self, queries: np.ndarray, chosen: list[np.ndarray]) -> np.ndarray:
        """Grow working sets; return the queries that are open and worth another solve.

        A query that gets no reference goes on in float64, then only while its proximal steps (see
        `SmallProblem.solve`) still shrink the gap, or can be made longer.
        """
        going, state = [], self.state
        objective = np.array([state.smalls[query].objective for query in queries])
        closed = state.proven[queries] & is_reached(state.gap[queries], objective, self.tol)
        for query, references in zip(queries[~closed], compress(chosen, ~closed), strict=True):
            small = state.smalls[query]
            if len(references):
                self.kernels.extend(small, self.problem.references, references)
            elif not self.kernels.refine(small, self.problem.references):
                slow = state.gap[query] >= 0.9 * state.best[query]
                if slow and not small.sharpen():
                    state.status[query] = Status.STALLED.value
                    continue
                state.best[query] = min(state.best[query], state.gap[query])
            going.append(query)
        return np.array(going, np.int64)


def require_alike(first: Problem, other: Problem) -> None:
    """Raise unless two problems differ in penalties and block weights only."""
    heights, others = ([rows for rows, _ in p.blocks] for p in (first, other))
    same = all(
        _is_same(getattr(first, name), getattr(other, name))
        for name in ("design", "targets", "banned", "groups", "without")
    )
    if not same or (first.positive, heights) != (other.positive, others):
        raise InputError(
            "problems of a path may differ in penalties and block weights only",
            expected="the same design, targets, sign, exclusions and block heights",
        )


def _is_same(a: object, b: object) -> bool:
    """Return whether two are one object, or two views of the same memory."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return (a.ctypes.data, a.shape, a.strides) == (b.ctypes.data, b.shape, b.strides)
    return a is b


def _union(parts: list[np.ndarray]) -> np.ndarray:
    return np.unique(np.concatenate([np.empty(0, np.int64), *parts]))
