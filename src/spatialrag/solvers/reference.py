"""The slow, obvious solver: cyclic coordinate descent, one query at a time.

It is kept as the oracle the fast solver is tested against.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from spatialrag.solvers.objective import correlate, primal_and_gap, residuals
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.solution import Solution, Status, is_reached
from spatialrag.solvers.start import dense_start


@dataclass(frozen=True)
class CoordinateDescent:
    """Cyclic coordinate descent in float64.

    Parameters
    ----------
    tol
        Largest duality gap relative to the primal value.
    max_sweeps
        Sweeps over all references before giving up.

    Examples
    --------
    >>> problem = sr.Problem(np.eye(2), np.array([[2.0], [1.0]]), l1=0.5, l2=0.0)
    >>> CoordinateDescent().solve(problem).weights.toarray().round(6).tolist()
    [[1.5, 0.5]]
    """

    tol: float = 1e-10
    max_sweeps: int = 20_000

    def solve(self, problem: Problem, *, start: sparse.csr_matrix | None = None) -> Solution:
        """Solve every query of the problem.

        Parameters
        ----------
        problem
            What to solve.
        start : CSR (n_queries, n_references), optional
            Weights near the answer.
        """
        first = dense_start(problem, start)
        answers = [self._solve_one(problem, query, first[query]) for query in range(len(first))]
        weights, gaps, objectives, sweeps = zip(*answers, strict=True)
        gap, objective = np.array(gaps), np.array(objectives)
        reached = is_reached(gap, objective, self.tol)
        status = np.where(reached, Status.CONVERGED, Status.ROUNDS)
        return Solution(
            sparse.csr_matrix(np.array(weights)), gap, objective, np.array(sweeps), status
        )

    def _solve_one(
        self, problem: Problem, query: int, a: np.ndarray
    ) -> tuple[np.ndarray, float, float, int]:
        root = np.sqrt(problem.row_weights)[:, None]
        everything = np.arange(problem.n_references)
        problem.references.hold(everything)
        design = root * problem.references.take(everything).T.astype(np.float64)
        problem.mask_banned(design, np.full(len(design), query), everything, 0.0)
        l1, l2 = problem.l1[query], problem.l2[query]
        norms = np.square(design).sum(axis=0) + l2
        r = root[:, 0] * problem.targets[:, query] - design @ a
        sweep = 0
        while sweep < self.max_sweeps:
            sweep += 1
            for j in np.flatnonzero(norms):
                rho = design[:, j] @ r + (norms[j] - l2) * a[j]
                shrunk = max(rho - l1, 0.0)
                if not problem.positive:
                    shrunk = np.sign(rho) * max(abs(rho) - l1, 0.0)
                new = shrunk / norms[j]
                if new != a[j]:
                    r += design[:, j] * (a[j] - new)
                    a[j] = new
            objective, gap = self._certify(problem, query, a)
            if is_reached(gap, objective, self.tol):
                break
        return a, gap, objective, sweep

    @staticmethod
    def _certify(problem: Problem, query: int, a: np.ndarray) -> tuple[float, float]:
        queries, weights = np.array([query]), sparse.csr_matrix(a[None])
        residual = residuals(problem, weights, queries)
        correlation = correlate(problem, residual)
        problem.mask_banned(correlation.T, queries, np.arange(problem.n_references), 0.0)
        objective, gap = primal_and_gap(problem, weights, residual, correlation, queries)
        return float(objective[0]), float(gap[0])
