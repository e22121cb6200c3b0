"""Weights that a solve starts from: those of an earlier one that are still allowed."""

import numpy as np
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.solvers.problem import Problem


def start_of(problem: Problem, weights: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return weights without those that a problem's queries must not have.

    Parameters
    ----------
    weights : CSR (n_queries, n_references)

    Raises
    ------
    InputError
        Another shape, or weights that are not finite.
    """
    shape = (problem.n_queries, problem.n_references)
    if weights.shape != shape:
        raise InputError(
            "the weights to start from are another problem's",
            expected=f"(n_queries, n_references) = {shape}",
            got=str(weights.shape),
        )
    start = sparse.csr_matrix(weights, dtype=np.float64, copy=True)
    start.sum_duplicates()
    if not np.isfinite(start.data).all():
        raise InputError("the weights to start from contain NaN or inf")
    if problem.positive:
        np.maximum(start.data, 0, out=start.data)
    if problem.banned is not None or problem.without is not None:
        for query in np.flatnonzero(np.diff(start.indptr)):
            own = slice(start.indptr[query], start.indptr[query + 1])
            problem.mask_banned(start.data[None, own], np.array([query]), start.indices[own], 0.0)
    start.eliminate_zeros()
    return start


def dense_start(problem: Problem, weights: sparse.csr_matrix | None) -> np.ndarray:
    """Return allowed weights, or zeros where none are given, (n_queries, n_references)."""
    if weights is None:
        return np.zeros((problem.n_queries, problem.n_references))
    return start_of(problem, weights).toarray()
