"""Leave-one-reference-out: what the weights become without a cited reference."""

from typing import Protocol

import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag.solvers.problem import Problem
from spatialrag.solvers.solution import Solution


class Solver(Protocol):
    """Anything that solves a `Problem`."""

    def solve(self, problem: Problem) -> Solution:
        """Return weights with their certificate."""
        ...


def removals(problem: Problem, solution: Solution, solver: Solver, *, count: int) -> pd.DataFrame:
    """Solve each query again without each of its ``count`` strongest references.

    The rest of the bank stays available, so what takes a removed reference's place is found too.

    Returns
    -------
    pandas.DataFrame
        Columns spot, removed, reference (positions) and weight: the new weights.
    """
    pairs = strongest(solution.weights, count)
    query, removed = pairs.T
    again = Problem(
        problem.design,
        problem.targets[:, query],
        problem.l1[query],
        problem.l2[query],
        problem.positive,
        banned=removed,
    )
    weights = solver.solve(again).require_converged().weights.tocoo()
    return pd.DataFrame(
        {
            "spot": query[weights.row],
            "removed": removed[weights.row],
            "reference": weights.col,
            "weight": weights.data,
        }
    )


def strongest(weights: sparse.csr_matrix, count: int) -> np.ndarray:
    """Return (query, reference) pairs of each query's largest absolute weights, (n, 2)."""
    pairs = [
        (query, weights.indices[start + i])
        for query, (start, end) in enumerate(
            zip(weights.indptr[:-1], weights.indptr[1:], strict=True)
        )
        for i in np.argsort(-np.abs(weights.data[start:end]), kind="stable")[:count]
    ]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)
