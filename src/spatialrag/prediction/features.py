"""Embeddings as regressions read them: standardized, on few components; and the ridge itself."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy import linalg, sparse

PENALTIES = np.geomspace(1e-3, 10, 9)  # relative to the mean eigenvalue times n
MAX_FOLDS = 8

Targets: TypeAlias = sparse.csr_matrix | np.ndarray


@dataclass(frozen=True, eq=False)
class Features:
    """Standardization on the references, then their principal components.

    Parameters
    ----------
    mean, spread : (dim,)
        Mean and spread of each dimension; constant dimensions have an infinite spread, so that they
        become 0.
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


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A fold of a ridge regression, decomposed once for every penalty and every target.

    With x'x = V L V' over the rows trained on, predictions are Z D P, where Z = x_test V,
    P = V'x'y and D = 1 / (L + penalty): the squared error of every penalty needs Z'Z, PP' and the
    diagonal of Z'(truth)P' alone.

    Parameters
    ----------
    test : (n,) bool
        Rows left out.
    train : (n_train, p)
        The others, centred.
    values, vectors : (k,), (p, k)
        L and V, without null directions where there are fewer rows than features.
    z : (n_test, p)
        Rows left out, as Z.
    """

    test: np.ndarray
    train: np.ndarray
    values: np.ndarray
    vectors: np.ndarray
    z: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, test: np.ndarray) -> "HeldOut":
        """Return the fold of features x (n, p) that leaves out the rows ``test``."""
        mean = x[~test].mean(axis=0)
        train = x[~test] - mean
        if len(train) < train.shape[1]:
            values, left = linalg.eigh(train @ train.T, driver="evd")
            kept = values > 1e-10 * values[-1]
            values, vectors = values[kept], train.T @ left[:, kept] / np.sqrt(values[kept])
        else:
            values, vectors = linalg.eigh(train.T @ train, driver="evd")
        return cls(test, train, np.maximum(values, 0), vectors, (x[test] - mean) @ vectors)

    def errors(self, targets: Targets) -> np.ndarray:
        """Return the squared error of each penalty of the grid for targets (n, n_genes)."""
        known, held = targets[~self.test], targets[self.test]
        projected = self.vectors.T @ np.asarray(known.T @ self.train).T
        truth = held.toarray() if sparse.issparse(held) else np.asarray(held)
        truth = truth - np.asarray(known.mean(axis=0)).ravel()
        cross = np.einsum("ij,ij->i", self.z.T @ truth, projected)
        product = (self.z.T @ self.z) * (projected @ projected.T)
        level = max(float(self.values.sum()) / self.train.shape[1], 1e-12)
        shrink = [1 / (self.values + penalty * level) for penalty in PENALTIES]
        constant = np.square(truth, dtype=np.float64).sum()
        return np.array([constant - 2 * d @ cross + d @ product @ d for d in shrink])


def hold_out(x: np.ndarray, groups: np.ndarray) -> list[HeldOut]:
    """Return the folds of groups of rows left out; none of one group."""
    if len(np.unique(groups)) < 2:
        return []
    return [HeldOut.of(x, test) for test in folds_of(groups)]


def best_penalty(folds: list[HeldOut], targets: Targets) -> tuple[float, float]:
    """Return the grid's penalty of least squared error over folds, and that error.

    Without folds there is nothing to choose on: a penalty of 1.
    """
    if not folds:
        return 1.0, 0.0
    error = np.sum([fold.errors(targets) for fold in folds], axis=0)
    return float(PENALTIES[error.argmin()]), float(error.min())


def choose_penalty(x: np.ndarray, targets: Targets, groups: np.ndarray) -> float:
    """Return the grid's penalty of least squared error over groups of spots left out."""
    return best_penalty(hold_out(x, groups), targets)[0]
