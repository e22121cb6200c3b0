"""Banks whose whole Gram matrix is cheap: one for all queries, solved together and certified.

Where references are few, their products with each other cost a few looks at the bank, and no
working set is needed. `together` solves on them in float32; the certificate is computed in float64
over the whole bank, as for everybody, and what it does not prove is solved again from there.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from spatialrag.solvers.designs import ArrayDesign
from spatialrag.solvers.objective import primal_and_gap
from spatialrag.solvers.precision import gram_fits, target_fits
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.solution import Solution, Status, is_reached, join
from spatialrag.solvers.working_set.metric import Metric
from spatialrag.solvers.working_set.together import Batch, solve_together

_FEWEST, _MOST = 256, 4096  # references: below, a working set soon holds them all
_CURVATURE = 1e-3  # least l2 relative to the largest diagonal entry of the Gram matrix
_PASSES = 60  # D'r, expected at most: working sets cost 40 to 400 where references are few
_STEPS = 8  # for a gap of 1e-6, times the root of the condition number: measured, from above
_ELEMENTS = 1 << 19  # weights, with and without, held at a time per array
_TURNS = 3


def shared_metric(problem: Problem) -> Metric | None:
    """Return a metric for solving all queries on one Gram matrix; None where that does not pay.

    It pays where references are few beside queries and rows, and what leaves the metric is well
    conditioned by l2. float32 must hold everything.
    """
    n, m, design = problem.n_references, len(problem.targets), problem.references
    if not isinstance(design, ArrayDesign) or design.rows.dtype != np.float32:
        return None
    if not _FEWEST <= n <= _MOST or n > _PASSES * problem.n_queries:
        return None
    with np.errstate(over="ignore", under="ignore"):
        peak = float((np.square(design.rows, dtype=np.float64) @ problem.row_weights).max())
    least = float(problem.l2.min())
    fits = gram_fits(peak, float(problem.l1.max()), float(problem.l2.max()))
    fits &= bool(np.all(target_fits(np.abs(problem.targets).max(axis=0).astype(np.float64))))
    if not fits or least < _CURVATURE * peak:
        return None
    metric = Metric.of(design.rows, problem.row_weights)
    # A step is one product with the Gram matrix and about half a pass of smaller ones.
    steps = _STEPS * np.sqrt(metric.condition(least))
    passes = n / problem.n_queries + steps * (n / m + 0.5)
    return metric if passes <= _PASSES else None


@dataclass(frozen=True, eq=False)
class SharedGram:
    """Products of all references of a design with each other, for any block weights.

    Parameters
    ----------
    rows : (n_references, m)
        D', float32.
    parts : list of (n_references, n_references)
        D_b'D_b of each block of rows.
    """

    rows: np.ndarray
    parts: list[np.ndarray]

    @classmethod
    def of(cls, problem: Problem) -> "SharedGram":
        """Compute the products of a problem's design."""
        rows = problem.references.take(np.arange(problem.n_references))
        ends = np.cumsum([height for height, _ in problem.blocks])[:-1]
        return cls(rows, [part @ part.T for part in np.split(rows, ends, axis=1)])

    def solve(
        self, problem: Problem, metric: Metric, tol: float, start: sparse.csr_matrix | None
    ) -> Solution:
        """Solve a problem of this design and these block heights.

        Parameters
        ----------
        metric
            Metric of the problem, from `shared_metric`.
        tol
            Relative duality gap. Queries that float32 steps do not bring there have the status
            ``ROUNDS``; their weights are a start for others.
        start : CSR (n_queries, n_references), optional
            Weights near the answer.
        """
        gram = np.zeros_like(self.parts[0])
        for (_, weight), part in zip(problem.blocks, self.parts, strict=True):
            gram += weight * part
        products = _Products(gram, metric, self.rows, self.rows.astype(np.float64))
        size = max(_ELEMENTS // problem.n_references, 1)
        solutions, parts = [], []
        for first in range(0, problem.n_queries, size):
            queries = np.arange(first, min(first + size, problem.n_queries))
            dense = None if start is None else start[queries].toarray()
            some = problem.select(queries)
            solutions.append(_solve(some, products, tol, dense))
            parts.append(queries)
        return join(solutions, parts)


@dataclass(frozen=True, eq=False)
class _Products:
    """What the queries of one problem share: G, its metric, and D' in float32 and float64."""

    gram: np.ndarray
    metric: Metric
    rows: np.ndarray
    wide: np.ndarray


def _solve(problem: Problem, products: _Products, tol: float, start: np.ndarray | None) -> Solution:
    """Solve some queries, from (n_queries, n_references) where a start is given."""
    n, targets = problem.n_queries, problem.targets.T.astype(np.float64)
    shape = (n, problem.n_references)
    allowed = _allowed(problem, shape)
    weights = np.zeros(shape)
    # Rounding does no harm here: only the certificate below is read as exact.
    slope = (targets * problem.row_weights).astype(np.float32) @ products.rows.T
    objective = 0.5 * np.square(targets) @ problem.row_weights
    gap, turns, open_ = np.full(n, np.inf), np.zeros(n, np.int64), np.arange(n)
    change = np.zeros(shape, np.float32)
    if start is not None:
        change[:] = np.maximum(start, 0) if problem.positive else start
        if allowed is not None:
            change *= allowed
    while True:
        batch = _batch(problem, open_, slope, weights[open_], objective[open_], allowed)
        change = solve_together(products.gram, products.metric, batch, change, tol)
        own = np.where(batch.base + change == 0, 0, weights[open_] + change)
        own[~np.isfinite(own).all(axis=1)] = 0  # steps too long: the metric was too small
        weights[open_], turns[open_] = own, turns[open_] + 1
        residual = targets[open_] - own @ products.wide
        slope = (residual * problem.row_weights) @ products.wide.T
        if allowed is not None:
            slope *= allowed[open_]
        objective[open_], gap[open_] = primal_and_gap(
            problem, sparse.csr_matrix(own), residual.T, slope.T, open_
        )
        left = ~is_reached(gap[open_], objective[open_], tol)
        if not left.any() or turns.max() == _TURNS:
            break
        open_, slope = open_[left], slope[left]
        change = np.zeros_like(change[left])
    status = np.where(is_reached(gap, objective, tol), Status.CONVERGED.value, Status.ROUNDS.value)
    return Solution(sparse.csr_matrix(weights), gap, objective, turns, status)


def _batch(
    problem: Problem,
    queries: np.ndarray,
    slope: np.ndarray,
    weights: np.ndarray,
    objective: np.ndarray,
    allowed: np.ndarray | None,
) -> Batch:
    """Return some queries around their weights, given d'r there, both (len(queries), N)."""
    l1, l2, objective = (
        values[:, None] for values in (problem.l1[queries], problem.l2[queries], objective)
    )
    return Batch(
        tilt=(slope - l2 * weights).astype(np.float32),
        base=weights.astype(np.float32),
        l1=l1.astype(np.float32),
        l2=l2.astype(np.float32),
        objective=objective,
        allowed=None if allowed is None else allowed[queries],
        positive=problem.positive,
    )


def _allowed(problem: Problem, shape: tuple[int, int]) -> np.ndarray | None:
    """Return which references each query may use; None where all may use all."""
    if problem.banned is None and problem.without is None:
        return None
    kept = np.ones(shape)
    problem.mask_banned(kept, np.arange(shape[0]), np.arange(shape[1]), 0.0)
    return kept > 0
