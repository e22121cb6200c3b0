"""The published solver: accelerated proximal gradient steps on the whole bank (FISTA).

Beck & Teboulle, SIAM J. Imaging Sci. 2 (2009); float32, all queries at once, a fixed step and a
stop on the size of the last step, as in GeneRAG's published code. It is kept to be compared with:
its stop proves nothing, so the certificate is computed afterwards and the status follows it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from spatialrag.solvers.objective import certify
from spatialrag.solvers.precision import gram_fits, target_fits
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.solution import Solution
from spatialrag.solvers.start import dense_start

_EVERY = 25  # iterations between tests of the step size
_POWER_STEPS = 30


@dataclass(frozen=True)
class Fista:
    """Accelerated proximal gradient descent in float32, where that can hold the problem.

    Parameters
    ----------
    max_iter
        Steps at most; each costs two dense products with the bank.
    step_tol
        Largest change of a weight relative to the largest weight at which it stops; 0 for never.
    tol
        Relative duality gap above which a query counts as not converged.

    Examples
    --------
    >>> problem = sr.Problem(np.eye(2), np.array([[2.0], [1.0]]), l1=0.5, l2=0.0)
    >>> Fista().solve(problem).weights.toarray().round(3).tolist()
    [[1.5, 0.5]]
    """

    max_iter: int = 2000
    step_tol: float = 1e-4
    tol: float = 1e-6

    def solve(self, problem: Problem, *, start: sparse.csr_matrix | None = None) -> Solution:
        """Solve all queries together; memory grows with n_queries x n_references.

        Parameters
        ----------
        problem
            What to solve.
        start : CSR (n_queries, n_references), optional
            Weights near the answer.
        """
        weights, steps = self._iterate(problem, dense_start(problem, start))
        passes = np.full(problem.n_queries, steps)
        return certify(problem, sparse.csr_matrix(weights, dtype=np.float64), self.tol, passes)

    def _iterate(self, problem: Problem, start: np.ndarray) -> tuple[np.ndarray, int]:
        everything = np.arange(problem.n_references)
        problem.references.hold(everything)
        rows = problem.references.take(everything)
        dtype = _precision(problem, rows)
        root = np.sqrt(problem.row_weights).astype(dtype)
        rows = rows.astype(dtype, copy=False)
        rows = rows if (root == 1).all() else rows * root
        targets = (problem.targets.T * root).astype(dtype)
        l1, l2 = problem.l1.astype(dtype)[:, None], problem.l2.astype(dtype)[:, None]
        curvature = _largest_eigenvalue(rows) + l2
        # Without curvature every weight is 0, whatever the step.
        step = 1 / np.where(curvature > 0, curvature, dtype(1))
        queries = np.arange(problem.n_queries)
        old = start.astype(dtype)
        ahead, new = old.copy(), np.zeros_like(old)
        fitted, momentum = np.zeros_like(targets), 1.0
        for iteration in range(1, self.max_iter + 1):
            np.matmul(ahead, rows, out=fitted)
            np.subtract(targets, fitted, out=fitted)
            np.matmul(fitted, rows.T, out=new)
            # a + step (D'r − l2 a), then the proximal step of l1 ‖a‖₁.
            new *= step
            ahead *= 1 - step * l2
            new += ahead
            problem.mask_banned(new, queries, everything, 0.0)
            _shrink(new, step * l1, positive=problem.positive)
            following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            np.subtract(new, old, out=ahead)
            if iteration % _EVERY == 0 and np.abs(ahead).max() <= self.step_tol * np.abs(new).max():
                break
            ahead *= dtype((momentum - 1) / following)
            ahead += new
            momentum, old, new = following, new, old
        else:
            new = old
        return new, iteration


def _shrink(values: np.ndarray, amount: np.ndarray, *, positive: bool) -> None:
    """Apply the proximal operator of ``amount`` ‖·‖₁ in place."""
    if positive:
        values -= amount
        np.maximum(values, 0, out=values)
    else:
        values -= np.clip(values, -amount, amount)


def _precision(problem: Problem, rows: np.ndarray) -> type[Any]:
    """Return float32, as published, unless its squares would over- or underflow."""
    root = np.sqrt(problem.row_weights.max())
    peaks = np.array([np.abs(rows).max(), *np.abs(problem.targets).max(axis=0)], np.float64) * root
    penalty = max(problem.l1.max(), problem.l2.max())
    fits = np.all(target_fits(peaks)) and gram_fits(1.0, penalty, 0.0)
    return np.float32 if fits else np.float64


def _largest_eigenvalue(rows: np.ndarray) -> float:
    """Return the largest eigenvalue of D'D by power iterations, 2 % above its estimate."""
    vector = np.random.default_rng(0).standard_normal((rows.shape[1],)).astype(rows.dtype)
    for _ in range(_POWER_STEPS):
        length = np.linalg.norm(vector)
        if length == 0:
            return 0.0
        vector = (rows @ (vector / length)) @ rows
    return 1.02 * float(np.linalg.norm(vector))
