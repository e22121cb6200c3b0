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
_PER_QUERY = 8  # references per query, at most: the Gram matrix costs that many passes
_CURVATURE = 1e-3  # least l2 relative to the largest diagonal entry of the Gram matrix
_ELEMENTS = 1 << 19  # weights, with and without, held at a time per array
_TURNS = 3


def is_shared(problem: Problem) -> bool:
    """Return whether a Gram matrix of the whole bank pays and is well-posed in float32."""
    n, design = problem.n_references, problem.references
    few = _FEWEST <= n <= min(_MOST, _PER_QUERY * problem.n_queries)
    if not few or not isinstance(design, ArrayDesign) or design.rows.dtype != np.float32:
        return False
    with np.errstate(over="ignore", under="ignore"):
        squares = np.square(design.rows, dtype=np.float64) @ problem.row_weights
    peak = float(squares.max())
    return (
        bool(problem.l2.min() >= _CURVATURE * peak)
        and gram_fits(peak, float(problem.l1.max()), float(problem.l2.max()))
        and bool(target_fits(np.abs(problem.targets).max(axis=0).astype(np.float64)).all())
    )


@dataclass(frozen=True, eq=False)
class SharedGram:
    """Products of all references of a design with each other, for any block weights.

    Parameters
    ----------
    design
        In memory, float32.
    parts : list of (n_references, n_references)
        D_b'D_b of each block of rows.
    """

    design: ArrayDesign
    parts: list[np.ndarray]

    @classmethod
    def of(cls, problem: Problem) -> "SharedGram":
        """Compute the products of a problem's design."""
        design, parts, start = problem.references, [], 0
        for height, _ in problem.blocks:
            rows = design.rows[:, start : start + height]
            parts.append(rows @ rows.T)
            start += height
        return cls(design, parts)

    def solve(self, problem: Problem, tol: float, start: sparse.csr_matrix | None) -> Solution:
        """Solve a problem of this design and these block heights.

        Parameters
        ----------
        tol
            Relative duality gap. Queries that float32 steps do not bring there have the status
            ``ROUNDS``; their weights are a start for others.
        start : CSR (n_queries, n_references), optional
            Weights near the answer.
        """
        gram = sum(w * part for (_, w), part in zip(problem.blocks, self.parts, strict=True))
        metric, wide = Metric.of(gram), self.design.rows.astype(np.float64)
        size = max(_ELEMENTS // problem.n_references, 1)
        solutions, parts = [], []
        for first in range(0, problem.n_queries, size):
            queries = np.arange(first, min(first + size, problem.n_queries))
            dense = None if start is None else start[queries].toarray()
            part = problem.select(queries)
            solutions.append(_solve(part, gram, metric, wide, tol, dense))
            parts.append(queries)
        return join(solutions, parts)


def _solve(
    problem: Problem,
    gram: np.ndarray,
    metric: Metric,
    wide: np.ndarray,
    tol: float,
    start: np.ndarray | None,
) -> Solution:
    """Solve some queries; ``wide`` are the design's rows in float64."""
    n, targets = problem.n_queries, problem.targets.T.astype(np.float64)
    shape = (n, problem.n_references)
    allowed = _allowed(problem, shape)
    weights = np.zeros(shape)
    slope = (targets * problem.row_weights) @ wide.T
    objective = 0.5 * np.square(targets) @ problem.row_weights
    gap, turns, open_ = np.full(n, np.inf), np.zeros(n, np.int64), np.arange(n)
    change = np.zeros(shape, np.float32)
    if start is not None:
        change[:] = np.maximum(start, 0) if problem.positive else start
        if allowed is not None:
            change *= allowed
    while True:
        batch = _batch(problem, open_, slope, weights[open_], objective[open_], allowed)
        change = solve_together(gram, metric, batch, change, tol)
        own = np.where(batch.base + change == 0, 0, weights[open_] + change)
        weights[open_], turns[open_] = own, turns[open_] + 1
        residual = targets[open_] - own @ wide
        slope = (residual * problem.row_weights) @ wide.T
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
    problem.strike(kept, np.arange(shape[0]), np.arange(shape[1]), 0.0)
    return kept > 0
