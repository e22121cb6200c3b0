"""Spots of two sections whose expression is the same: counts that were copied."""

import numpy as np
from scipy import sparse

from spatialrag.expression.normalize import Scale, to_scale

_FEWEST = 20  # genes that a spot expresses, for its vector to be like no other's
_SEED = 0


def share_of_equal_spots(
    one: sparse.csr_matrix,
    other: sparse.csr_matrix,
    *,
    scales: tuple[Scale, Scale] = ("counts", "counts"),
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
    by_genes, weights = "log1p_cp10k" in scales, gene_weights(one.shape[1])
    keys = [
        _telling_keys(matrix, weights, scale, by_genes=by_genes)
        for matrix, scale in zip((one, other), scales, strict=True)
    ]
    fewer = min(len(part) for part in keys)
    shared = np.intersect1d(keys[0], keys[1], assume_unique=True)
    return len(shared) / fewer if fewer else 0.0


def gene_weights(n_genes: int) -> np.ndarray:
    """Return the weight of each gene in `spot_keys`, (n_genes,) uint64; always the same."""
    return np.random.default_rng(_SEED).integers(1, 2**63, n_genes, dtype=np.uint64)


def spot_keys(
    matrix: sparse.csr_matrix, weights: np.ndarray, *, scale: Scale, by_genes: bool
) -> np.ndarray:
    """Return one 64-bit key for each spot, (n_spots,) uint64: equal for equal expression.

    A key is a sum of random weights, one for each gene, modulo 2^64: two different vectors have the
    same key once in some 2^63 pairs.

    Parameters
    ----------
    matrix : CSR (n_spots, n_genes)
    weights : (n_genes,) uint64
        By `gene_weights`; 0 for genes to be passed over.
    scale
        Expression scale of the matrix.
    by_genes
        Whether keys tell which genes are expressed, or else the counts, to which the scale has to
        lead back.
    """
    if by_genes:
        values = (matrix.data != 0).astype(np.uint64)
    else:
        counts = matrix if scale == "counts" else to_scale(matrix, stored=scale, wanted="counts")
        values = np.rint(counts.data).astype(np.int64).astype(np.uint64)
    return sparse.csr_matrix((values, matrix.indices, matrix.indptr), matrix.shape) @ weights


def _telling_keys(
    matrix: sparse.csr_matrix, weights: np.ndarray, scale: Scale, *, by_genes: bool
) -> np.ndarray:
    """Return the keys of spots that express enough genes (and lack enough, by genes), once each."""
    expressed = np.asarray((matrix != 0).sum(axis=1)).ravel()
    enough = expressed >= _FEWEST
    if by_genes:
        enough &= expressed <= matrix.shape[1] - _FEWEST
    keys = spot_keys(matrix, weights, scale=scale, by_genes=by_genes)
    values, times = np.unique(keys[enough], return_counts=True)
    return values[times == 1]
