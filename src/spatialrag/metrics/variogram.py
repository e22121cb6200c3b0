"""Variograms of maps, and what averaging over neighbors makes of the variogram of noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

_MOST_PAIRS = 100_000
_N_BINS = 15
_N_KERNELS = 10
_SMALLEST = 5  # neighbors of the narrowest kernel
_REACH = 0.75  # quantile of the distances that the variogram covers
_DIRECTIONS = 32  # of a kernel, in which the length of an averaged map is followed


@dataclass(frozen=True, eq=False)
class Kernel:
    """An average over neighbors, less its mean over spots.

    Parameters
    ----------
    weights : (n_spots, n_spots)
        float32; row i averages around spot i, and columns sum to 0.
    outer : (n_spots, n_directions)
        Its leading left singular vectors.
    inner : (n_directions, n_spots)
        Its leading right singular vectors, times their singular values.
    rest
        Mean square per spot that a permuted map of variance 1 has in the other directions.
    variogram : (n_bins,)
        What a permuted map of variance 1 has on average after it.
    """

    weights: np.ndarray
    outer: np.ndarray
    inner: np.ndarray
    rest: float
    variogram: np.ndarray


def pairs_by_distance(distance: np.ndarray, rng: np.random.Generator) -> list[sparse.csr_matrix]:
    """Return the pairs of spots of each distance, CSR (n_spots, n_spots) 0/1, symmetric.

    Bins are equally wide and reach to three quarters of the pairs. Of more than 100,000 pairs so
    many are drawn.

    Parameters
    ----------
    distance : (n_spots, n_spots)
    rng
        Draws pairs.
    """
    first, second = np.triu_indices(len(distance), k=1)
    if len(first) > _MOST_PAIRS:
        drawn = rng.choice(len(first), _MOST_PAIRS, replace=False)
        first, second = first[drawn], second[drawn]
    apart = distance[first, second]
    edges = np.linspace(0, np.quantile(apart, _REACH), _N_BINS + 1)
    number = np.maximum(np.searchsorted(edges, apart), 1)  # spots may share a place
    bins = []
    for each in range(1, _N_BINS + 1):
        i, j = first[number == each], second[number == each]
        ones = np.ones(2 * len(i), np.float32)
        pairs = (ones, (np.concatenate([i, j]), np.concatenate([j, i])))
        bins.append(sparse.csr_matrix(pairs, shape=distance.shape))
    return [pairs for pairs in bins if pairs.nnz]


def variogram(maps: np.ndarray, bins: Sequence[sparse.csr_matrix]) -> np.ndarray:
    """Return half the mean squared difference of the pairs of each bin, (n_bins, n_maps).

    Parameters
    ----------
    maps : (n_spots, n_maps)
    bins
        From `pairs_by_distance`.
    """
    squares = maps * maps
    rows = [
        np.asarray(pairs.sum(axis=1)).ravel() @ squares
        - np.einsum("ig,ig->g", maps, pairs @ maps, dtype=np.float64)
        for pairs in bins
    ]
    return np.array(rows) / np.array([[pairs.nnz] for pairs in bins])


def kernels_of(distance: np.ndarray, bins: Sequence[sparse.csr_matrix]) -> list[Kernel]:
    """Return averages over 5 neighbors to nine tenths of the spots, from narrow to wide.

    Parameters
    ----------
    distance : (n_spots, n_spots)
    bins
        From `pairs_by_distance`.
    """
    n = len(distance)
    ranked = np.sort(distance, axis=1)
    nearest = np.where(ranked > 0, ranked, np.inf).min()
    sizes = np.unique(np.geomspace(min(_SMALLEST, n - 1), 0.9 * (n - 1), _N_KERNELS).astype(int))
    return [_kernel(distance, np.maximum(ranked[:, k], nearest), bins) for k in sizes]


def _kernel(distance: np.ndarray, width: np.ndarray, bins: Sequence[sparse.csr_matrix]) -> Kernel:
    """Return the Gaussian average whose standard deviation is half of each spot's width."""
    n = len(distance)
    weights = np.exp(-2 * (distance / width[:, None]) ** 2)
    weights /= weights.sum(axis=1, keepdims=True)
    weights -= weights.mean(axis=0)
    # A permuted map of variance 1 has covariance n / (n - 1) (I - 1/n) over permutations.
    covariance = weights @ weights.T * n / (n - 1)
    power = covariance.diagonal()
    expected = [
        (np.asarray(pairs.sum(axis=1)).ravel() @ power - pairs.multiply(covariance).sum())
        / pairs.nnz
        for pairs in bins
    ]
    outer, sizes, inner = randomized_svd(weights, min(_DIRECTIONS, n - 1), n_iter=4, random_state=0)
    rest = (power.sum() - (sizes**2).sum() * n / (n - 1)) / n
    near, outer, inner = (
        part.astype(np.float32) for part in (weights, outer, sizes[:, None] * inner)
    )
    return Kernel(near, outer, inner, max(float(rest), 0.0), np.array(expected))


def mix(shape: np.ndarray, empirical: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return slope and intercept of each variogram on another, by least squares, neither below 0.

    Parameters
    ----------
    shape : (n_bins,)
        The variogram of averaged noise.
    empirical : (n_bins, n_maps)
        Variograms of maps: averaged noise times the slope, plus independent noise.
    """
    centered = shape - shape.mean()
    spread = centered @ centered
    slope = centered @ empirical / spread if spread > 0 else np.zeros(empirical.shape[1])
    level = empirical.mean(axis=0)
    intercept = level - slope * shape.mean()
    # Where one is negative the best of what is allowed lies at 0, and the other is fitted alone.
    slope = np.where(intercept < 0, shape @ empirical / (shape @ shape), slope)
    intercept = np.where(slope < 0, level, np.maximum(intercept, 0))
    return np.maximum(slope, 0), intercept
