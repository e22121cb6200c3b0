"""Ridge with free sign: dense answers through the m x m dual, never an N x N Gram matrix."""

import numpy as np
from scipy import linalg, sparse

from spatialrag.solvers.objective import certify
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.solution import Solution

_BLOCK = 8192


def solve_ridge(problem: Problem, *, tol: float) -> Solution:
    """Solve a = D'W (D D'W + l2 I)⁻¹ b for problems without l1; W holds the row weights.

    Queries that may not use the same references share one decomposition.
    """
    given = [np.sort(b, axis=1) for b in (problem.banned, problem.without) if b is not None]
    bans = np.hstack([np.zeros((problem.n_queries, 1)), *given])
    parts = []
    _, kind = np.unique(bans, axis=0, return_inverse=True)
    for value in range(kind.max() + 1):
        queries = np.flatnonzero(kind.ravel() == value)
        parts.append((queries, _solve_alike(problem, queries)))
    weights = np.empty((problem.n_queries, problem.n_references))
    for queries, part in parts:
        weights[queries] = part
    return certify(problem, sparse.csr_matrix(weights), tol, np.ones(len(weights), np.int64))


def _solve_alike(problem: Problem, queries: np.ndarray) -> np.ndarray:
    """Return weights of queries that share their banned references, (len(queries), N)."""
    root = np.sqrt(problem.row_weights)
    total = np.zeros((len(root),) * 2)
    for references, rows in problem.references.blocks(_BLOCK):
        block = _allowed(problem, queries[0], references, rows) * root
        total += block.T @ block
    values, vectors = linalg.eigh(total)
    rotated = vectors.T @ (root[:, None] * problem.targets[:, queries])
    scale = np.maximum(values, 0)[:, None] + problem.l2[queries]
    dual = root[:, None] * (vectors @ (rotated / scale))
    weights = np.empty((len(queries), problem.n_references))
    for references, rows in problem.references.blocks(_BLOCK):
        weights[:, references] = (_allowed(problem, queries[0], references, rows) @ dual).T
    return weights


def _allowed(problem: Problem, query: int, references: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return rows in float64, those the query may not use as zeros."""
    columns = rows.T.astype(np.float64)
    problem.mask_banned(columns, np.full(len(columns), query), references, 0.0)
    return columns.T
