"""Spatial autocorrelation of a map."""

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from spatialrag.metrics.expression import centered


def neighbor_weights(xy: np.ndarray, *, n_neighbors: int = 6) -> sparse.csr_matrix:
    """Return row-normalized weights of each spot's nearest spots, CSR (n, n), no self."""
    n = len(xy)
    k = min(n_neighbors, n - 1)
    if k < 1:
        return sparse.csr_matrix((n, n))
    nearest = cKDTree(xy).query(xy, k=k + 1)[1]
    rows = np.repeat(np.arange(n), k + 1)
    columns = nearest.ravel()
    other = columns != rows
    # With duplicate positions a spot may miss itself among its nearest: the matrix stays valid.
    weights = sparse.csr_matrix((np.ones(other.sum()), (rows[other], columns[other])), shape=(n, n))
    return sparse.diags(1 / np.maximum(weights.sum(axis=1).A1, 1)) @ weights


def morans_i(values: np.ndarray, weights: sparse.csr_matrix) -> np.ndarray:
    """Return Moran's I of each column, (n_genes,): n/W · z'Wz / z'z; constant columns give 0.

    Parameters
    ----------
    values : (n_spots, n_genes)
        On any scale; no missing values.
    weights : CSR (n_spots, n_spots)
        Spatial weights, zero diagonal.

    Examples
    --------
    >>> from spatialrag.metrics.spatial import neighbor_weights
    >>> weights = neighbor_weights(section.xy, n_neighbors=4)
    >>> smooth = section.xy[:, :1]
    >>> float(morans_i(smooth, weights)[0]) > 0.5
    True
    """
    z = centered(values)
    power = np.einsum("ij,ij->j", z, z)
    total = weights.sum()
    if not total:
        return np.zeros_like(power)
    moran = len(z) / total * np.einsum("ij,ij->j", z, weights @ z)
    return np.divide(moran, power, out=np.zeros_like(power), where=power > 0)
