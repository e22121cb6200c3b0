"""Embeddings to domain labels; no annotation is ever seen."""

import numpy as np
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from spatialrag.errors import InputError

CLUSTERINGS = ("kmeans", "gaussian_mixture")
_STARTS = 10


def cluster(
    embedding: np.ndarray, n_domains: int, *, by: str = "kmeans", rng: int = 0
) -> np.ndarray:
    """Return a domain for each spot, "1" to "K", the largest first.

    Parameters
    ----------
    embedding : (n_spots, p)
    n_domains
        K.
    by
        ``kmeans``, or ``gaussian_mixture`` with one covariance shared by all domains (what mclust
        calls EEE); the best of 10 starts either way.
    rng
        Seed.

    Raises
    ------
    InputError
        An unknown method, NaN or inf, or more domains than spots.
    """
    if by not in CLUSTERINGS:
        raise InputError("unknown clustering", expected=", ".join(CLUSTERINGS), got=repr(by))
    if not np.isfinite(embedding).all():
        raise InputError("the embedding contains NaN or inf")
    if not 1 <= n_domains <= len(embedding):
        raise InputError(
            "n_domains must be at least 1 and at most the number of spots",
            expected=f"1 to {len(embedding)}",
            got=str(n_domains),
        )
    if by == "kmeans":
        model = KMeans(n_domains, n_init=_STARTS, random_state=rng)
    else:
        model = GaussianMixture(
            n_domains,
            covariance_type="tied",
            n_init=_STARTS,
            init_params="k-means++",
            random_state=rng,
        )
    return by_size(model.fit_predict(np.asarray(embedding, np.float64)))


def by_size(labels: np.ndarray) -> np.ndarray:
    """Return labels as "1" to "K", the largest first; ties in order of appearance."""
    _, first, inverse, counts = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    rank = np.empty(len(counts), int)
    rank[np.lexsort((first, -counts))] = np.arange(1, len(counts) + 1)
    return rank[inverse].astype(str)


def majority(labels: np.ndarray, adjacency: sparse.csr_matrix) -> np.ndarray:
    """Return each spot's most frequent label among itself and its neighbors.

    A spot keeps its label where no other is more frequent.
    """
    names, codes = np.unique(labels, return_inverse=True)
    own = np.eye(len(names))[codes]
    votes = adjacency.astype(bool).astype(np.float64) @ own + own
    return names[np.argmax(votes + 0.5 * own, axis=1)]
