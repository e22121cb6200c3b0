"""The rounds of the working-set solver: look, certify, grow, solve.

A round looks once at the whole bank for all open queries (`scan`), closes those whose duality gap
is proven, gives the others the references that violate optimality most, and solves each on its
working set (`small`).
"""

from dataclasses import dataclass
from itertools import compress

import numpy as np
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.solvers.kernels import Kernels
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.products import Pairs
from spatialrag.solvers.scan import Scan, scan
from spatialrag.solvers.slack import Slack
from spatialrag.solvers.small import SmallProblem, Terms
from spatialrag.solvers.solution import Solution, Status, is_reached

_SPARE = 32  # references kept beyond those to add: what lies at l1 without weight
_HOPEFUL = 2.0  # times the tolerance: a smaller estimated gap is worth computing in float64


@dataclass(eq=False)
class Rounds:
    """All queries of a problem while they are being solved.

    Parameters
    ----------
    problem, tol, grow
        What is solved, how well, and how many references a query gets per round at least.
    smalls : list of n_queries
        The queries on their working sets.
    gap : (n_queries,)
        inf before the first look.
    proven : (n_queries,)
        Whether the gap was computed in float64 against the whole bank.
    passes : (n_queries,)
        Looks at the whole bank.
    status : (n_queries,)
    kernels
        Where things are computed.
    """

    problem: Problem
    tol: float
    grow: int
    smalls: list[SmallProblem]
    gap: np.ndarray
    proven: np.ndarray
    passes: np.ndarray
    status: np.ndarray
    kernels: Kernels
    slack: Slack
    looked: np.ndarray  # (n_queries, m) weighted residuals at the last look
    best: np.ndarray  # smallest gap when a working set last stopped growing
    looked_at: list[int]  # products d'r of every look
    member: np.ndarray  # (n_references,) scratch: False between calls

    @classmethod
    def start(cls, problem: Problem, tol: float, grow: int, kernels: Kernels) -> "Rounds":
        """Return every query without references."""
        n = problem.n_queries
        terms = terms_of(problem)
        return cls(
            problem=problem,
            tol=tol,
            grow=grow,
            smalls=[SmallProblem(problem.targets[:, q], terms[q]) for q in range(n)],
            gap=np.full(n, np.inf),
            proven=np.zeros(n, bool),
            passes=np.zeros(n, np.int64),
            status=np.full(n, Status.ROUNDS.value, dtype=object),
            kernels=kernels,
            slack=Slack.unknown(problem),
            looked=np.full(problem.targets.T.shape, np.inf),
            best=np.full(n, np.inf),
            looked_at=[],
            member=np.zeros(problem.n_references, bool),
        )

    def restate(self, problem: Problem) -> None:
        """Turn to a problem of the same path, see `require_alike`.

        Working sets, their Gram matrices and weights stay: the start of a nearby problem.
        """
        self.problem = problem
        for small, terms in zip(self.smalls, terms_of(problem), strict=True):
            small.terms = terms
        n = problem.n_queries
        self.gap, self.best = np.full((2, n), np.inf)
        self.proven, self.passes = np.zeros(n, bool), np.zeros(n, np.int64)
        self.status = np.full(n, Status.ROUNDS.value, dtype=object)
        self.looked = np.full(problem.targets.T.shape, np.inf)
        self.slack.forget()

    def look(self, queries: np.ndarray) -> np.ndarray:
        """Look at the bank, certify, add references; return the queries left to solve."""
        found, keep = self._scan(queries)
        estimate = np.array(
            [self.smalls[q].gap(found.excess[i], found.peak[i]) for i, q in enumerate(queries)]
        )
        objective = np.array([self.smalls[q].objective for q in queries])
        hopeful = estimate <= _HOPEFUL * self.tol * objective
        self.gap[queries], self.proven[queries] = estimate, False
        self.passes[queries] += 1
        chosen = [self._violators(q, found.of(i)) for i, q in enumerate(queries)]
        near = [found.of(i)[0] for i in np.flatnonzero(hopeful)]
        self.problem.references.hold(_union([*near, *chosen]))
        crowded = []
        for i in np.flatnonzero(hopeful):
            if found.near[i] > keep:
                crowded.append(queries[i])
            else:
                chosen[i] = self._prove(queries[i], found.of(i)[0])
        self.prove_all(np.array(crowded, np.int64))
        return self._extend(queries, chosen)

    def solve(self, queries: np.ndarray) -> None:
        """Solve queries on their working sets."""
        self.kernels.solve([self.smalls[q] for q in queries], self.problem.references)

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
            self.gap[query] = self.smalls[query].gap(exact.excess[i], exact.peak[i])
        self.proven[queries] = True
        self.looked_at.append(exact.looked_at)

    def solution(self) -> Solution:
        """Return the weights with their certificates."""
        self.prove_all(np.flatnonzero(~self.proven))
        objective = np.array([small.objective for small in self.smalls])
        reached = is_reached(self.gap, objective, self.tol)
        status = np.where(reached, Status.CONVERGED.value, self.status)
        entries = []
        for small in self.smalls:
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
        return Solution(weights, self.gap, objective, self.passes, status)

    def _scan(self, queries: np.ndarray) -> tuple[Scan, int]:
        residual = self._residuals(queries)
        self.slack.move(queries, np.linalg.norm(residual - self.looked[queries], axis=1))
        self.looked[queries] = residual
        keep = max(self._count(query) for query in queries) + _SPARE
        found = scan(
            self.problem,
            queries,
            residual,
            self._pairs(queries),
            keep=keep,
            slack=self.slack,
            products=self.kernels.products,
            label=f"pass {len(self.looked_at) + 1}, {len(queries)} open",
        )
        self.looked_at.append(found.looked_at)
        return found, keep

    def _residuals(self, queries: np.ndarray) -> np.ndarray:
        return np.stack([self.smalls[q].residual for q in queries]) * self.problem.row_weights

    def _pairs(self, queries: np.ndarray) -> Pairs:
        return Pairs.of([self.smalls[query].cited for query in queries])

    def _count(self, query: int) -> int:
        return max(self.grow, len(self.smalls[query].active))

    def _violators(self, query: int, found: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Return the references to add, largest violation first."""
        references, values = found
        small = self.smalls[query]
        references = references[values > small.terms.l1]
        # Marking is many times faster than np.isin.
        self.member[small.members] = True
        new = references[~self.member[references]]
        self.member[small.members] = False
        return new[: self._count(query)]

    def _prove(self, query: int, references: np.ndarray) -> np.ndarray:
        """Compute one gap in float64 and return the references to add."""
        small = self.smalls[query]
        rows = self.problem.references.take(references).astype(np.float64, copy=False)
        values = rows @ (small.terms.row_weights * small.residual)
        values = values if small.terms.positive else np.abs(values)
        over = np.maximum(values - small.terms.l1, 0)
        self.gap[query] = small.gap(float(over @ over), float(values.max(initial=0.0)))
        self.proven[query] = True
        return self._violators(query, (references, values))

    def _extend(self, queries: np.ndarray, chosen: list[np.ndarray]) -> np.ndarray:
        """Grow working sets; return the queries that are open and worth another solve.

        A query that gets no reference goes on in float64, then only while its proximal steps (see
        `SmallProblem.solve`) still shrink the gap, or can be made longer.
        """
        going = []
        objective = np.array([self.smalls[query].objective for query in queries])
        closed = self.proven[queries] & is_reached(self.gap[queries], objective, self.tol)
        for query, references in zip(queries[~closed], compress(chosen, ~closed), strict=True):
            small = self.smalls[query]
            if len(references):
                self.kernels.extend(small, self.problem.references, references)
            elif not self.kernels.refine(small, self.problem.references):
                slow = self.gap[query] >= 0.9 * self.best[query]
                if slow and not small.sharpen():
                    self.status[query] = Status.STALLED.value
                    continue
                self.best[query] = min(self.best[query], self.gap[query])
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


def terms_of(problem: Problem) -> list[Terms]:
    """Return each query's penalties."""
    return [
        Terms(float(l1), float(l2), problem.positive, problem.blocks)
        for l1, l2 in zip(problem.l1, problem.l2, strict=True)
    ]


def _is_same(a: object, b: object) -> bool:
    """Return whether two are one object, or two views of the same memory."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return (a.ctypes.data, a.shape, a.strides) == (b.ctypes.data, b.shape, b.strides)
    return a is b


def _union(parts: list[np.ndarray]) -> np.ndarray:
    return np.unique(np.concatenate([np.empty(0, np.int64), *parts]))
