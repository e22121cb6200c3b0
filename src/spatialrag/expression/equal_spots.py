"""Spots of two sections whose expression is the same: counts that were copied."""

import numpy as np
from scipy import sparse

from spatialrag.expression.normalize import to_scale

_FEWEST = 20  # genes that a spot expresses, for its vector to be like no other's
_SEED = 0


def share_of_equal_spots(
    one: sparse.csr_matrix,
    other: sparse.csr_matrix,
    *,
    scales: tuple[str, str] = ("counts", "counts"),
) -> float:
    """Return the share of spots that two matrices have in common, of the smaller's spots.

    Counts are compared where both scales lead back to them, and else which genes a spot expresses,
    which no normalization changes. Spots that express fewer than 20 of the genes, or whose vector
    occurs twice in their own matrix, tell nothing and are passed over. Names of spots and their
    places play no part: arrays share their grids.

    Parameters
    ----------
    one, other : CSR (n_spots, n_genes), (m_spots, n_genes)
        Over the same genes in the same order.
    scales
        Expression scale of each.

    Returns
    -------
    float
        0 to 1; 0 where no spot can be compared.

    Examples
    --------
    >>> counts = sparse.csr_matrix(np.random.default_rng(0).poisson(2, (9, 60)))
    >>> share_of_equal_spots(counts, counts[::-1][:4])
    1.0
    """
    weights = np.random.default_rng(_SEED).integers(1, 2**63, one.shape[1], dtype=np.uint64)
    by_support = "log1p_cp10k" in scales
    keys = [
        _keys(matrix, scale, weights, by_support=by_support)
        for matrix, scale in zip((one, other), scales, strict=True)
    ]
    fewer = min(len(part) for part in keys)
    shared = np.intersect1d(keys[0], keys[1], assume_unique=True)
    return len(shared) / fewer if fewer else 0.0


def _keys(
    matrix: sparse.csr_matrix, scale: str, weights: np.ndarray, *, by_support: bool
) -> np.ndarray:
    """Return one 64-bit key for each telling spot: a sum of random weights, modulo 2^64.

    A sum can be taken over any genes and in any order, and two different vectors have the same key
    once in 2^63 pairs or so.
    """
    matrix = sparse.csr_matrix(matrix, copy=True)
    matrix.eliminate_zeros()
    expressed = np.diff(matrix.indptr)
    telling = expressed >= _FEWEST
    if by_support:
        telling &= expressed <= matrix.shape[1] - _FEWEST
        values = np.ones(matrix.nnz, np.uint64)
    else:
        counts = to_scale(matrix, stored=scale, wanted="counts") if scale != "counts" else matrix
        values = np.rint(counts.data).astype(np.int64).astype(np.uint64)
    sums = sparse.csr_matrix((values, matrix.indices, matrix.indptr), matrix.shape) @ weights
    found, times = np.unique(sums[telling], return_counts=True)
    return found[times == 1]
