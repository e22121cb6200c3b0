"""Features to partitions: k-means, and mixtures whose parts share one covariance."""

import numpy as np
from scipy.special import logsumexp
from sklearn.cluster import KMeans

_MOST = 10_000  # spots that partitions are fitted on; the others join the nearest part
_RIDGE = 0.1  # of the mean variance, added to the shared covariance
_STEPS = 100
_ENOUGH = 1e-6  # gain of log likelihood per spot
_SMALLEST = 0.01  # share of spots, below which a part of a mixture is outliers


def kmeans(
    features: np.ndarray,
    n_domains: int,
    *,
    starts: int = 10,
    rng: int = 0,
    fitted_on: np.ndarray | None = None,
) -> np.ndarray:
    """Return the best k-means partition of several starts, (n_spots,) int.

    Parameters
    ----------
    features : (n_spots, p)
    n_domains
        K.
    starts
        Starts of which the lowest sum of squares is kept.
    rng
        Seed.
    fitted_on : (m,), optional
        Positions of the spots that parts are fitted on; the others join the nearest.
    """
    seen = features if fitted_on is None else features[fitted_on]
    fitted = KMeans(n_domains, n_init=starts, random_state=rng).fit(_some(seen))
    return fitted.predict(features)


def tied_mixture(
    features: np.ndarray, n_domains: int, *, starts: int = 10, rng: int = 0
) -> np.ndarray:
    """Return the most likely mixture with one shared covariance, (n_spots,) int.

    EM from k-means of the features, and of features brought to one variance, in turns. Mixtures
    with a handful of spots as a part are passed over unless all are like that.

    Parameters
    ----------
    features : (n_spots, p)
    n_domains, starts, rng
        As in `kmeans`.
    """
    fitted_on = _some(features)
    middle = fitted_on.mean(axis=0)
    values = fitted_on - middle
    unit = values / np.maximum(values.std(axis=0), 1e-12)
    generator = np.random.RandomState(rng)
    least = max(3.0, _SMALLEST * len(values))
    found = []
    for start in range(starts):
        first = KMeans(n_domains, n_init=1, random_state=generator.randint(1 << 30))
        mixture, fit, sizes = _maximized(values, first.fit_predict(unit if start % 2 else values))
        found.append(((bool(sizes.min() >= least), fit), mixture))
    _, best = max(found, key=lambda each: each[0])
    return _posterior(features - middle, *best)[0].argmax(axis=1)


Mixture = tuple[np.ndarray, np.ndarray, np.ndarray]  # shares (K,), means (K, p), Cholesky (p, p)


def _maximized(values: np.ndarray, labels: np.ndarray) -> tuple[Mixture, float, np.ndarray]:
    """Return the mixture that EM finds, its log likelihood per spot, and sizes of its parts."""
    n, p = values.shape
    total = values.T @ values / n
    ridge = _RIDGE * np.trace(total) / p * np.eye(p) + 1e-12 * np.eye(p)
    belonging, before = np.eye(labels.max() + 1)[labels], -np.inf
    for _ in range(_STEPS):
        shares = belonging.mean(axis=0) + 1e-12
        means = belonging.T @ values / (n * shares)[:, None]
        within = total - (means.T * shares) @ means
        mixture = (shares, means, np.linalg.cholesky((within + within.T) / 2 + ridge))
        belonging, fit = _posterior(values, *mixture)
        if fit - before < _ENOUGH:
            break
        before = fit
    sizes = np.bincount(belonging.argmax(axis=1), minlength=len(shares))
    return mixture, fit, sizes


def _posterior(
    values: np.ndarray, shares: np.ndarray, means: np.ndarray, root: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return each spot's probabilities of parts, (n, K), and the mean log likelihood."""
    whitener = np.linalg.inv(root)
    spots, centers = values @ whitener.T, means @ whitener.T
    square = (spots**2).sum(axis=1)[:, None] - 2 * spots @ centers.T + (centers**2).sum(axis=1)
    joint = np.log(shares) - square / 2 - np.log(np.diag(root)).sum()
    marginal = logsumexp(joint, axis=1, keepdims=True)
    return np.exp(joint - marginal), float(marginal.mean())


def _some(features: np.ndarray) -> np.ndarray:
    """Return at most `_MOST` spots, evenly."""
    return features[:: -(-len(features) // _MOST)]
