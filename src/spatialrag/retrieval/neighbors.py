"""Exact nearest references."""

import numpy as np

_BLOCK = 1024  # queries per block of the distance matrix


def nearest(queries: np.ndarray, references: np.ndarray, *, k: int) -> np.ndarray:
    """Return the ``k`` references nearest to each query by Euclidean distance, nearest first.

    Parameters
    ----------
    queries : (n, p)
    references : (n_references, p)

    Returns
    -------
    numpy.ndarray
        Positions, (n, min(k, n_references)); ties in reference order.
    """
    k = min(k, len(references))
    half = 0.5 * np.einsum("ij,ij->i", references, references, dtype=np.float64)
    blocks = []
    for start in range(0, len(queries), _BLOCK):
        # ‖q − r‖² = ‖q‖² − 2 (q·r − ½‖r‖²): the query's own norm does not change the order.
        closeness = queries[start : start + _BLOCK] @ references.T - half
        blocks.append(np.argsort(-closeness, axis=1, kind="stable")[:, :k])
    return np.concatenate(blocks)
