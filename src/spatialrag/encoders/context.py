"""Neighborhood context: a spot's vector joined with the mean over its nearest spots."""

import numpy as np

from spatialrag.errors import InputError
from spatialrag.metrics.spatial import neighbor_weights

_MOST = 10_000  # more than any neighborhood, and a number that files hold


def join_context(vectors: np.ndarray, xy: np.ndarray, *, n_neighbors: int) -> np.ndarray:
    """Return (n_spots, 2 dim): own vectors beside the mean of the nearest spots' vectors.

    Parameters
    ----------
    vectors : (n_spots, dim)
    xy : (n_spots, 2)
        Positions of the spots of *one* slide.
    n_neighbors
        How many; 0 returns the vectors unchanged. A spot without neighbors is its own context.
    """
    if not 0 <= n_neighbors <= _MOST:
        raise InputError(
            f"context must be 0 or more neighbors, {_MOST} at most", got=str(n_neighbors)
        )
    if n_neighbors == 0:
        return vectors
    if len(xy) == 1:
        return np.concatenate([vectors, vectors], axis=1)
    around = neighbor_weights(xy, n_neighbors=n_neighbors) @ vectors
    return np.concatenate([vectors, around.astype(vectors.dtype)], axis=1)
