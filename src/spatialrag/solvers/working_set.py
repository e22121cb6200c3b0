"""The fast exact solver: working sets grown from the optimality violations.

Per query, only a few references carry weight. Each round solves every open query exactly on its
working set (`pivoting`), looks once at the whole bank (one pass D'R, which also yields the duality
gap) and adds the references that violate optimality most. A query leaves when its gap is proven.
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from spatialrag.errors import InputError
from spatialrag.solvers.objective import correlate, primal_and_gap, residuals
from spatialrag.solvers.pivoting import solve_gram
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.solution import Solution, Status

_Part = tuple[np.ndarray, Solution]  # query numbers and their answers
_WHOLE_GRAM = 4096  # banks up to this many references get their whole Gram matrix once
_PROXIMAL = 1e-8  # least curvature of a working-set problem, relative to its largest diagonal


@dataclass(frozen=True)
class WorkingSet:
    """Exact elastic net, lasso and ridge for many queries against one design.

    Parameters
    ----------
    tol
        Largest duality gap relative to the primal value, proven for every query.
    grow
        References added to a query's working set per round.
    max_rounds
        Rounds before a query is returned with status ``ROUNDS``.
    batch
        Queries solved together; bounds memory.
    """

    tol: float = 1e-6
    grow: int = 50
    max_rounds: int = 60
    batch: int = 256

    def __post_init__(self) -> None:
        if not self.tol > 0:
            raise InputError("tol must be positive", got=str(self.tol))
        if min(self.grow, self.max_rounds, self.batch) < 1:
            raise InputError("grow, max_rounds and batch must be at least 1")

    def solve(self, problem: Problem) -> Solution:
        """Solve every query of the problem.

        Signed problems without an l1 part have dense answers and go through the m x m dual.
        """
        dense = (problem.l1 == 0) & (not problem.positive) & (problem.banned is None)
        parts = []
        for group, method in ((~dense, self._solve_sparse), (dense, self._solve_ridge)):
            if group.any():
                parts += method(problem, self._batches(np.flatnonzero(group)))
        return _join(parts)

    def _batches(self, queries: np.ndarray) -> list[np.ndarray]:
        return [queries[i : i + self.batch] for i in range(0, len(queries), self.batch)]

    def _solve_sparse(self, problem: Problem, batches: list[np.ndarray]) -> list[_Part]:
        small = problem.n_references <= _WHOLE_GRAM
        whole = gram_matrix(problem.design.T) if small else None
        return [(queries, self._solve_batch(problem, queries, whole)) for queries in batches]

    def _solve_batch(
        self, problem: Problem, queries: np.ndarray, whole: np.ndarray | None
    ) -> Solution:
        state = _State.start(problem, queries, whole)
        open_ = np.arange(len(queries))
        for round_ in range(1, self.max_rounds + 1):
            violation = state.certify(open_, round_, self.tol)
            still = state.gap[open_] > self.tol * state.objective[open_]
            open_, violation = open_[still], violation[:, still]
            if len(open_) == 0:
                break
            open_ = open_[state.grow(open_, violation, self.grow)]
            state.solve_small(open_)
        else:
            state.certify(open_, self.max_rounds, self.tol)
        return state.solution(self.tol)

    def _solve_ridge(self, problem: Problem, batches: list[np.ndarray]) -> list[_Part]:
        """Solve a = D'(D D' + l2 I)⁻¹ b: never larger than m x m."""
        values, vectors = linalg.eigh(gram_matrix(problem.design))
        parts = []
        for queries in batches:
            rotated = vectors.T @ problem.targets[:, queries].astype(np.float64)
            dual = vectors @ (rotated / (np.maximum(values, 0)[:, None] + problem.l2[queries]))
            state = _State.start(problem, queries)
            state.weights = sparse.csr_matrix(correlate(problem, dual).T)
            state.certify(np.arange(len(queries)), 1, self.tol)
            parts.append((queries, state.solution(self.tol)))
        return parts


@dataclass(eq=False)
class _State:
    """The queries of one batch while they are being solved."""

    problem: Problem
    queries: np.ndarray
    members: list[np.ndarray]  # working set of each query
    weights: sparse.csr_matrix  # (batch, n_references)
    gap: np.ndarray
    objective: np.ndarray
    rounds: np.ndarray
    status: np.ndarray
    best: np.ndarray  # smallest gap when the working set last stopped growing
    whole: np.ndarray | None  # D'D and D'b of the whole bank, where it is small
    projection: np.ndarray | None

    @classmethod
    def start(
        cls, problem: Problem, queries: np.ndarray, whole: np.ndarray | None = None
    ) -> "_State":
        n = len(queries)
        targets = problem.targets[:, queries]
        return cls(
            problem=problem,
            queries=queries,
            members=[np.empty(0, np.int64) for _ in range(n)],
            weights=sparse.csr_matrix((n, problem.n_references)),
            gap=np.full(n, np.inf),
            objective=np.zeros(n),
            rounds=np.zeros(n, np.int64),
            status=np.full(n, Status.ROUNDS.value, dtype=object),
            best=np.full(n, np.inf),
            whole=whole,
            projection=None if whole is None else correlate(problem, targets),
        )

    def certify(self, open_: np.ndarray, round_: int, tol: float) -> np.ndarray:
        """Pass over the whole bank: store gaps, return violations (n_references, open)."""
        problem, queries = self.problem, self.queries[open_]
        weights = self.weights[open_]
        residual = residuals(problem, weights, queries)
        correlation = correlate(problem, residual)
        problem.strike_banned(correlation, queries)
        objective, gap = primal_and_gap(problem, weights, residual, correlation, queries)
        self.objective[open_], self.gap[open_], self.rounds[open_] = objective, gap, round_
        self.status[open_[gap <= tol * objective]] = Status.CONVERGED.value
        violation = correlation if problem.positive else np.abs(correlation)
        return violation - problem.l1[queries]

    def grow(self, open_: np.ndarray, violation: np.ndarray, count: int) -> np.ndarray:
        """Add each query's worst violators; return which queries are worth another solve.

        Members never leave, for a shrinking working set could cycle. A query whose set does not
        grow goes on only while its proximal steps (see `solve_small`) still shrink the gap.
        """
        n, go_on = self.problem.n_references, np.zeros(len(open_), bool)
        take = min(count, n)
        for column, query in enumerate(open_):
            scores = violation[:, column].copy()
            scores[self.members[query]] = -np.inf
            top = np.argpartition(-scores, take - 1)[:take]
            top = np.sort(top[scores[top] > 0])
            go_on[column] = len(top) > 0 or self.gap[query] < 0.9 * self.best[query]
            if len(top):
                self.members[query] = np.concatenate([self.members[query], top])
            else:
                self.best[query] = self.gap[query]
            if not go_on[column]:
                self.status[query] = Status.STALLED.value
        return go_on

    def solve_small(self, open_: np.ndarray) -> None:
        """Solve each open query exactly on its working set.

        Where l2 is (nearly) 0 the active block may be singular, so a proximal term
        ½ p ‖a − a_previous‖² is added: it vanishes as rounds repeat and does not move the optimum.
        """
        if len(open_) == 0:
            return
        problem, queries = self.problem, self.queries[open_]
        width = max(len(self.members[query]) for query in open_)
        gram = np.zeros((len(open_), width, width))
        linear, current = np.zeros((2, len(open_), width))
        for i, query in enumerate(open_):
            members, size = self.members[query], len(self.members[query])
            gram[i, :size, :size], linear[i, :size] = self._normal_equations(query)
            current[i, :size] = self.weights[query].toarray().ravel()[members]
        steps, l2 = np.arange(width), problem.l2[queries][:, None]
        peak = gram[:, steps, steps].max(axis=1, keepdims=True)
        proximal = np.maximum(_PROXIMAL * peak - l2, 0)
        gram[:, steps, steps] += l2 + proximal
        linear += proximal * current
        small = solve_gram(gram, linear, problem.l1[queries], current, positive=problem.positive)
        rows = [(small[i, : len(self.members[q])], self.members[q]) for i, q in enumerate(open_)]
        self.weights = _replace_rows(self.weights, open_, rows)

    def _normal_equations(self, query: int) -> tuple[np.ndarray, np.ndarray]:
        """Return D_W'D_W and D_W'b of a query's working set W."""
        members, problem = self.members[query], self.problem
        if self.whole is not None:
            return self.whole[np.ix_(members, members)], self.projection[members, query]
        columns = problem.design[:, members].T.astype(np.float64)
        return columns @ columns.T, columns @ problem.targets[:, self.queries[query]]

    def solution(self, tol: float) -> Solution:
        self.status[self.gap <= tol * self.objective] = Status.CONVERGED.value
        return Solution(self.weights, self.gap, self.objective, self.rounds, self.status)


def gram_matrix(rows: np.ndarray) -> np.ndarray:
    """Return ``rows @ rows.T`` in float64, by blocks of columns."""
    total = np.zeros((len(rows),) * 2)
    for start in range(0, rows.shape[1], 8192):
        block = rows[:, start : start + 8192].astype(np.float64)
        total += block @ block.T
    return total


def _replace_rows(
    matrix: sparse.csr_matrix, rows: np.ndarray, values: list[tuple[np.ndarray, np.ndarray]]
) -> sparse.csr_matrix:
    """Return the CSR matrix with some rows replaced by (values, columns), zeros dropped."""
    pieces = [(matrix.data[a:b], matrix.indices[a:b]) for a, b in _bounds(matrix)]
    for row, (data, columns) in zip(rows, values, strict=True):
        order = np.argsort(columns)
        order = order[data[order] != 0]
        pieces[row] = (data[order], columns[order])
    counts = [len(data) for data, _ in pieces]
    return sparse.csr_matrix(
        (
            np.concatenate([data for data, _ in pieces]),
            np.concatenate([columns for _, columns in pieces]),
            np.concatenate([[0], np.cumsum(counts)]),
        ),
        shape=matrix.shape,
    )


def _bounds(matrix: sparse.csr_matrix) -> list[tuple[int, int]]:
    return list(zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True))


def _join(parts: list[_Part]) -> Solution:
    order = np.argsort(np.concatenate([queries for queries, _ in parts]))
    solutions = [solution for _, solution in parts]

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(s, name) for s in solutions])[order]

    weights = sparse.vstack([s.weights for s in solutions], format="csr")[order]
    return Solution(weights, joined("gap"), joined("objective"), joined("rounds"), joined("status"))
