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
    frames = []
    # Queries that lose the same reference share one solve over the bank without it.
    for reference in np.unique(pairs[:, 1]):
        queries = pairs[pairs[:, 1] == reference, 0]
        kept = np.delete(np.arange(problem.n_references), reference)
        reduced = Problem(
            problem.design[:, kept],
            problem.targets[:, queries],
            problem.l1[queries],
            problem.l2[queries],
            problem.positive,
        )
        weights = solver.solve(reduced).require_converged().weights.tocoo()
        frames.append(
            pd.DataFrame(
                {
                    "spot": queries[weights.row],
                    "removed": reference,
                    "reference": kept[weights.col],
                    "weight": weights.data,
                }
            )
        )
    columns = ["spot", "removed", "reference", "weight"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


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
