"""Choosing genes from reference expression alone."""

import numpy as np
from scipy import sparse

from spatialrag.errors import InputError

_BLOCK = 1024  # genes whose correlations with all others are held at a time


def gene_variance(matrix: sparse.csr_matrix | np.ndarray) -> np.ndarray:
    """Return the variance of each column, (n_genes,), float64."""
    if isinstance(matrix, np.ndarray):
        return np.var(matrix, axis=0, dtype=np.float64)
    wide = matrix.astype(np.float64)
    mean = np.asarray(wide.mean(axis=0)).ravel()
    return np.maximum(np.asarray(wide.multiply(wide).mean(axis=0)).ravel() - mean**2, 0)


def rank_by_variance(matrix: sparse.csr_matrix | np.ndarray, eligible: np.ndarray) -> np.ndarray:
    """Return the columns of ``eligible`` genes by falling variance; ties in column order."""
    order = np.argsort(-gene_variance(matrix), kind="stable")
    return order[eligible[order]]


def coexpressed(
    matrix: sparse.csr_matrix | np.ndarray, candidates: np.ndarray, n: int, *, degree: int = 20
) -> np.ndarray:
    """Return the ``n`` candidates most co-expressed with other candidates.

    A gene's score is its mean absolute Pearson correlation with its ``degree`` closest genes.

    Parameters
    ----------
    matrix : (n_spots, n_genes)
        Reference expression.
    candidates
        Column numbers to choose among.
    """
    if len(candidates) < 2:
        raise InputError("co-expression needs at least two candidate genes")
    unit = _unit_columns(matrix[:, candidates])
    degree = min(degree, len(candidates) - 1)
    score = np.empty(len(candidates))
    # A block of genes at a time: of 10,000 candidates all pairs at once would take gigabytes.
    for start in range(0, len(candidates), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(candidates)))
        correlation = np.abs(unit[:, block].T @ unit)
        correlation[block - start, block] = 0  # with itself
        closest = np.partition(correlation, -degree, axis=1)[:, -degree:]
        score[block] = closest.mean(axis=1, dtype=np.float64)
    return candidates[np.argsort(-score, kind="stable")[:n]]


def _unit_columns(columns: sparse.csr_matrix | np.ndarray) -> np.ndarray:
    """Return the columns centred and divided by their norm, float32; constant ones are 0."""
    dense = columns if isinstance(columns, np.ndarray) else columns.toarray()
    unit = np.asarray(dense, np.float32) - dense.mean(axis=0, dtype=np.float64).astype(np.float32)
    norm = np.linalg.norm(unit, axis=0)
    constant = np.ptp(dense, axis=0) == 0
    unit /= np.where(constant, np.inf, norm)
    return unit


def spread_columns(
    matrix: sparse.csr_matrix, columns: np.ndarray, n_columns: int
) -> sparse.csr_matrix:
    """Return a CSR matrix whose columns are moved into a wider one's, the rest empty.

    Parameters
    ----------
    matrix : (n, p)
    columns : (p,)
        Where each column goes, ascending.
    n_columns
        Number of columns of the result.
    """
    parts = (matrix.data, columns[matrix.indices], matrix.indptr)
    return sparse.csr_matrix(parts, (matrix.shape[0], n_columns))
