"""Embeddings as regressions read them: standardized, on few components; and the ridge itself."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

PENALTIES = np.geomspace(1e-3, 10, 9)  # relative to the mean eigenvalue times n
MAX_FOLDS = 8

Targets = sparse.csr_matrix | np.ndarray


@dataclass(frozen=True, eq=False)
class Features:
    """Standardization on the references, then their principal components.

    Parameters
    ----------
    mean, spread : (dim,)
        Of each dimension; constant dimensions have an infinite spread, so that they become 0.
    axes : (dim, n_components), optional
        Principal components; None keeps all dimensions.
    """

    mean: np.ndarray
    spread: np.ndarray
    axes: np.ndarray | None

    @classmethod
    def fit(cls, vectors: np.ndarray, components: int | None) -> "Features":
        """Return the transform of embeddings (n, dim) with so many components, or all."""
        mean = vectors.mean(axis=0, dtype=np.float64)
        spread = vectors.std(axis=0, dtype=np.float64)
        spread = np.where(spread > 1e-6 * (1 + np.abs(mean)), spread, np.inf)
        z = (vectors - mean) / spread
        if components is None or components >= min(z.shape):
            return cls(mean, spread, None)
        # Small side's eigenvectors: exact and deterministic, unlike a randomized projection.
        if z.shape[0] < z.shape[1]:
            values, left = linalg.eigh(z @ z.T, subset_by_index=_last(z.shape[0], components))
            axes = z.T @ left / np.sqrt(np.maximum(values, 1e-12))
        else:
            axes = linalg.eigh(z.T @ z, subset_by_index=_last(z.shape[1], components))[1]
        return cls(mean, spread, axes)

    def transform(self, vectors: np.ndarray) -> np.ndarray:
        """Return (n, n_components) of embeddings (n, dim)."""
        z = (vectors - self.mean) / self.spread
        return z if self.axes is None else z @ self.axes


def _last(n: int, count: int) -> tuple[int, int]:
    return (n - count, n - 1)


def folds_of(groups: np.ndarray) -> list[np.ndarray]:
    """Return masks of spots to leave out together: at most eight sets of whole groups."""
    names = np.unique(groups)
    return [np.isin(groups, part) for part in np.array_split(names, min(len(names), MAX_FOLDS))]


def ridge(x: np.ndarray, targets: Targets, penalties: list[float] | np.ndarray) -> list[np.ndarray]:
    """Return coefficients (p, genes) for centred features and each relative penalty."""
    values, vectors = linalg.eigh(x.T @ x)
    # x is centred, so centring the targets would change nothing in x'y.
    projected = vectors.T @ np.asarray(targets.T @ x).T
    mean = max(float(values.mean()), 1e-12)
    floor = np.maximum(values, 0)[:, None]
    return [vectors @ (projected / (floor + penalty * mean)) for penalty in penalties]


def penalty_errors(x: np.ndarray, targets: Targets, groups: np.ndarray) -> np.ndarray:
    """Return the squared error of each penalty of the grid over groups of spots left out.

    Of one group nothing can be left out: the error is then least at a penalty of 1.
    """
    if len(np.unique(groups)) < 2:
        return np.abs(np.log(PENALTIES))
    error = np.zeros(len(PENALTIES))
    for test in folds_of(groups):
        mean = x[~test].mean(axis=0)
        y_mean = np.asarray(targets[~test].mean(axis=0)).ravel()
        held = targets[test]
        truth = (held.toarray() if sparse.issparse(held) else held) - y_mean
        for i, coefficients in enumerate(ridge(x[~test] - mean, targets[~test], PENALTIES)):
            error[i] += np.square(truth - (x[test] - mean) @ coefficients).sum()
    return error


def choose_penalty(x: np.ndarray, targets: Targets, groups: np.ndarray) -> float:
    """Return the grid's penalty of least squared error over groups of spots left out."""
    if len(np.unique(groups)) < 2:
        return 1.0
    return float(PENALTIES[penalty_errors(x, targets, groups).argmin()])
