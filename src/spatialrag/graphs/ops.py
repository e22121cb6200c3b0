"""Operators of graphs: normalized adjacencies and neighborhood means."""

from typing import Literal, get_args

import numpy as np
from scipy import sparse

from spatialrag.errors import check_choice

Normalization = Literal["symmetric", "row"]
NORMALIZATIONS = get_args(Normalization)


def normalized(
    adjacency: sparse.csr_matrix, *, by: Normalization = "symmetric"
) -> sparse.csr_matrix:
    """Return the adjacency with self loops, normalized (SemST, Eq. 3).

    Parameters
    ----------
    adjacency : CSR (n, n)
        Without self loops.
    by
        ``symmetric``: D^-1/2 (A + I) D^-1/2. ``row``: D^-1 (A + I), as SemST's code does.
    """
    check_choice(by, NORMALIZATIONS, name="normalization")
    looped = (adjacency + sparse.identity(adjacency.shape[0])).tocsr()
    degree = np.asarray(looped.sum(axis=1), np.float64).ravel()
    if by == "row":
        return (sparse.diags(1 / degree) @ looped).tocsr().astype(np.float32)
    root = sparse.diags(1 / np.sqrt(degree))
    return (root @ looped @ root).tocsr().astype(np.float32)


def neighbor_mean(adjacency: sparse.csr_matrix, values: np.ndarray) -> np.ndarray:
    """Return each spot's mean over itself and its neighbors, (n, p)."""
    return normalized(adjacency, by="row") @ values
