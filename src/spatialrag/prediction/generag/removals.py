"""Leave-one-reference-out: what the weights become without a cited reference."""

import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag.solvers.problem import Problem
from spatialrag.solvers.solution import Solution
from spatialrag.solvers.solver import Solver


def removals(problem: Problem, solution: Solution, solver: Solver, *, count: int) -> pd.DataFrame:
    """Solve each query again without each of its ``count`` strongest references.

    Each starts from the query's own weights with the reference struck out. The rest of the bank
    stays available, so what takes its place is found too; every answer is proven like any other.

    Returns
    -------
    pandas.DataFrame
        Columns spot, removed, reference (positions) and weight: the new weights. Where all of
        them are 0, one row gives the removed reference the weight 0.
    """
    pairs = strongest(solution.weights, count)
    query, removed = pairs.T
    weights = sparse.csr_matrix((0, problem.n_references))
    if len(pairs):
        again = problem.select(query, without=removed)
        found = solver.solve(again, start=_struck(solution.weights[query], removed))
        weights = found.require_converged().weights
    # Where nothing takes a reference's place, one weight of 0 says that this was solved.
    none = np.flatnonzero(np.diff(weights.indptr) == 0)
    weights = weights.tocoo()
    row = np.concatenate([weights.row, none])
    return pd.DataFrame(
        {
            "spot": query[row],
            "removed": removed[row],
            "reference": np.concatenate([weights.col, removed[none]]),
            "weight": np.concatenate([weights.data, np.zeros(len(none))]),
        }
    )


def _struck(weights: sparse.csr_matrix, removed: np.ndarray) -> sparse.csr_matrix:
    """Return weights without one reference per row, (n,)."""
    row = np.repeat(np.arange(len(removed)), np.diff(weights.indptr))
    left = weights.copy()
    left.data[weights.indices == removed[row]] = 0.0
    left.eliminate_zeros()
    return left


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
