"""The linear probe: closed-form ridge regression on standardized embeddings."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from spatialrag.bank.bank import Bank
from spatialrag.errors import InputError
from spatialrag.prediction.predictor import Queries, vectors_of

_GRID = np.geomspace(1e-3, 10, 9)  # ridge penalty relative to the mean eigenvalue times n
_MAX_FOLDS = 8


@dataclass(frozen=True)
class Linear:
    """Ridge from embeddings to genes, the penalty chosen by leaving reference slides out.

    Embeddings are standardized on the references and, with ``components``, projected on their
    first principal components.

    Parameters
    ----------
    components
        Principal components kept; None keeps all dimensions.
    penalty
        Ridge penalty relative to the mean squared norm of the features; None chooses it.
    """

    components: int | None = 256
    penalty: float | None = None

    def __post_init__(self) -> None:
        if self.components is not None and self.components < 1:
            raise InputError("components must be at least 1", got=str(self.components))
        if self.penalty is not None and not self.penalty > 0:
            raise InputError("penalty must be positive", got=str(self.penalty))

    def fit(self, bank: Bank, genes: np.ndarray, *, scale: str) -> "TrainedLinear":
        """Return the probe trained on the bank's spots that have counts."""
        bank.require_embeddings()
        rows = ~bank.empty
        columns = bank.columns_of(genes)
        targets = bank.on_scale(scale)[rows][:, columns]
        features = _Features.fit(bank.embeddings[rows], self.components)
        x = features.transform(bank.embeddings[rows])
        penalty = self.penalty
        if penalty is None:
            penalty = _choose_penalty(x, targets, bank.slide_of[rows])
        y_mean = np.asarray(targets.mean(axis=0), np.float64).ravel()
        x_mean = x.mean(axis=0)
        coefficients = _ridge(x - x_mean, targets, [penalty])[0]
        return TrainedLinear(
            genes=np.asarray(genes),
            scale=scale,
            bank=bank,
            features=features,
            coefficients=coefficients.astype(np.float32),
            intercept=(y_mean - x_mean @ coefficients).astype(np.float32),
            penalty=float(penalty),
        )


@dataclass(frozen=True, eq=False)
class TrainedLinear:
    """A ridge regression from embeddings to genes.

    Parameters
    ----------
    genes, scale
        What it predicts.
    bank
        The references it was trained on, against which queries are checked.
    coefficients : (p, n_genes)
    intercept : (n_genes,)
    penalty
        The ridge penalty used, relative as in `Linear`.
    """

    genes: np.ndarray
    scale: str
    bank: Bank
    features: "_Features"
    coefficients: np.ndarray
    intercept: np.ndarray
    penalty: float

    def predict(self, queries: Queries) -> np.ndarray:
        """Return expression (n_queries, n_genes) float32; never below 0, as expression is not."""
        x = self.features.transform(vectors_of(queries, self.bank))
        return np.maximum(x.astype(np.float32) @ self.coefficients + self.intercept, 0)


@dataclass(frozen=True, eq=False)
class _Features:
    mean: np.ndarray
    spread: np.ndarray
    axes: np.ndarray | None

    @classmethod
    def fit(cls, vectors: np.ndarray, components: int | None) -> "_Features":
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
        z = (vectors - self.mean) / self.spread
        return z if self.axes is None else z @ self.axes


def _last(n: int, count: int) -> tuple[int, int]:
    return (n - count, n - 1)


def _ridge(
    x: np.ndarray, targets: sparse.csr_matrix, penalties: list[float] | np.ndarray
) -> list[np.ndarray]:
    """Return coefficients (p, genes) for centred features and each relative penalty."""
    values, vectors = linalg.eigh(x.T @ x)
    # x is centred, so centring the targets would change nothing in x'y.
    projected = vectors.T @ np.asarray(targets.T @ x).T
    mean = max(float(values.mean()), 1e-12)
    floor = np.maximum(values, 0)[:, None]
    return [vectors @ (projected / (floor + penalty * mean)) for penalty in penalties]


def _choose_penalty(x: np.ndarray, targets: sparse.csr_matrix, slide_of: np.ndarray) -> float:
    """Return the grid's penalty of least squared error over reference slides left out."""
    slides = np.unique(slide_of)
    if len(slides) < 2:
        return 1.0
    # At most a few folds of whole slides: the choice is among nine coarse values.
    folds = np.array_split(slides, min(len(slides), _MAX_FOLDS))
    error = np.zeros(len(_GRID))
    for fold in folds:
        test = np.isin(slide_of, fold)
        mean = x[~test].mean(axis=0)
        y_mean = np.asarray(targets[~test].mean(axis=0)).ravel()
        truth = targets[test].toarray() - y_mean
        for i, coefficients in enumerate(_ridge(x[~test] - mean, targets[~test], _GRID)):
            error[i] += np.square(truth - (x[test] - mean) @ coefficients).sum()
    return float(_GRID[error.argmin()])
