"""Context as rings: the mean vector of the spots between two distances in µm around a spot."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from spatialrag.errors import InputError


def check_radii(radii_um: Sequence[float]) -> tuple[float, ...]:
    """Return the radii as numbers, or raise `InputError` unless they are positive and grow."""
    radii = tuple(float(radius) for radius in radii_um)
    if not all(np.isfinite(radii)) or any(np.diff((0.0, *radii)) <= 0):
        raise InputError(
            "context_um must be radii that grow",
            expected="µm, such as (200, 400, 600)",
            got=str(radii),
        )
    return radii


def join_rings(vectors: np.ndarray, xy_um: np.ndarray, *, radii_um: Sequence[float]) -> np.ndarray:
    """Return own vectors beside the mean of each ring, (n_spots, dim (1 + n_rings)) float32.

    The first ring holds the other spots up to the first radius, the next those beyond it up to the
    second, and so on: rings mean the same on every platform, as a number of neighbors does not. A
    ring without spots, at a slide's edge or on a platform of wide pitch, repeats what lies within.

    Parameters
    ----------
    vectors : (n_spots, dim)
    xy_um : (n_spots, 2)
        Places of the spots of *one* slide, µm.
    radii_um
        Outer radii, growing.
    """
    # Pitches are whole parts of the radii, and places are rounded.
    radii = np.array(check_radii(radii_um)) * (1 + 1e-6)
    parts, inner = [np.asarray(vectors, np.float32)], -np.inf
    pairs = cKDTree(xy_um).query_pairs(max(radii, default=0), output_type="ndarray")
    distance = np.linalg.norm(xy_um[pairs[:, 0]] - xy_um[pairs[:, 1]], axis=1)
    for outer in radii:
        within = (distance > inner) & (distance <= outer)
        parts.append(_ring_mean(vectors, pairs[within], otherwise=parts[-1]))
        inner = outer
    return np.concatenate(parts, axis=1)


def _ring_mean(vectors: np.ndarray, pairs: np.ndarray, *, otherwise: np.ndarray) -> np.ndarray:
    n = len(vectors)
    ones = np.ones(2 * len(pairs), np.float32)
    rows, columns = np.concatenate([pairs, pairs[:, ::-1]]).T
    near = sparse.csr_matrix((ones, (rows, columns)), shape=(n, n))
    count = np.diff(near.indptr)[:, None]
    mean = (near @ vectors) / np.maximum(count, 1)
    return np.where(count > 0, mean, otherwise).astype(np.float32)
