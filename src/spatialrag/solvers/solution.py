"""What a solver returns: weights with their certificate."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import sparse

from spatialrag.errors import NotConvergedError


class Status(StrEnum):
    """How a query's solve ended; the value is what users read.

    Examples
    --------
    >>> problem = sr.Problem(np.eye(2), np.array([[2.0], [1.0]]), l1=0.5, l2=0.0)
    >>> sr.WorkingSet().solve(problem).status[0]
    'converged'
    """

    CONVERGED = "converged"
    ROUNDS = "stopped at the round limit above the tolerance: raise max_rounds or the strength"
    CANDIDATES = "exact among its candidates; the gap tells how far that is from the whole bank"
    STALLED = "no further progress above the tolerance: the design is too ill-conditioned"


_PER_QUERY = ("gap", "objective", "rounds", "status")


@dataclass(frozen=True, eq=False)
class Solution:
    """Weights of all queries and the proof of how good they are.

    Parameters
    ----------
    weights : CSR (n_queries, n_references)
        float64.
    gap, objective : (n_queries,)
        Duality gap and primal value, computed in float64 against the whole design.
    rounds : (n_queries,)
        Rounds (working sets) or sweeps (coordinate descent) used.
    status : (n_queries,)
        `Status` values.

    Examples
    --------
    >>> problem = sr.Problem(np.eye(2), np.array([[2.0], [1.0]]), l1=0.5, l2=0.0)
    >>> sr.WorkingSet().solve(problem).require_converged().gap.shape
    (1,)
    """

    weights: sparse.csr_matrix
    gap: np.ndarray
    objective: np.ndarray
    rounds: np.ndarray
    status: np.ndarray

    @property
    def relative_gap(self) -> np.ndarray:
        """Gap relative to the primal value, (n_queries,); 0 where both are 0.

        inf where either is no number, or only the primal value is 0: nothing is proven there.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = self.gap / self.objective
        relative[(self.gap == 0) & (self.objective == 0)] = 0.0
        return np.where(np.isfinite(self.objective) & ~np.isnan(relative), relative, np.inf)

    @property
    def converged(self) -> np.ndarray:
        """Whether each query reached the tolerance, (n_queries,) bool."""
        return self.status == Status.CONVERGED.value

    def select(self, queries: np.ndarray) -> "Solution":
        """Return the solution of some queries, by position."""
        return Solution(
            self.weights[queries], *(getattr(self, name)[queries] for name in _PER_QUERY)
        )

    def require_converged(self) -> "Solution":
        """Return self, or raise `NotConvergedError` that counts and explains the failures.

        Candidates that were asked for are no failure.
        """
        failed = ~self.converged & (self.status != Status.CANDIDATES.value)
        if failed.any():
            worst = self.relative_gap[failed].max()
            raise NotConvergedError(
                f"{failed.sum()} of {len(failed)} queries are not solved to the tolerance "
                f"(largest relative gap {worst:.1e}): {self.status[failed][0]}"
            )
        return self


def is_reached(gap: np.ndarray | float, objective: np.ndarray | float, tol: float) -> np.ndarray:
    """Return whether gaps prove a relative tolerance; what is not finite proves nothing."""
    return np.isfinite(gap) & np.isfinite(objective) & (gap <= tol * objective)


def join(solutions: list[Solution], queries: list[np.ndarray]) -> Solution:
    """Return solutions of different queries as one, each at the positions it is given."""
    order = np.argsort(np.concatenate(queries))
    weights = sparse.vstack([solution.weights for solution in solutions], format="csr")[order]
    per_query = (
        np.concatenate([getattr(solution, name) for solution in solutions])[order]
        for name in _PER_QUERY
    )
    return Solution(weights, *per_query)
