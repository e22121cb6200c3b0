"""The linear probe: closed-form ridge regression on standardized embeddings."""

from dataclasses import dataclass

import numpy as np

from spatialrag.bank.bank import Bank
from spatialrag.errors import InputError
from spatialrag.expression.normalize import Scale
from spatialrag.prediction.features import Features, choose_penalty, ridge
from spatialrag.prediction.predictor import Queries, vectors_of


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
    rank
        Keep so many directions in which the genes' fitted values vary most: reduced-rank
        regression (Izenman 1975). None keeps all.

    Examples
    --------
    >>> trained = Linear(components=32).fit(bank, bank.genes[:5], scale="log1p_cp10k")
    >>> trained.predict(queries).shape
    (56, 5)
    """

    components: int | None = 256
    penalty: float | None = None
    rank: int | None = None

    def __post_init__(self) -> None:
        if self.components is not None and self.components < 1:
            raise InputError("components must be at least 1", got=str(self.components))
        if self.rank is not None and self.rank < 1:
            raise InputError("rank must be at least 1", got=str(self.rank))
        if self.penalty is not None and not self.penalty > 0:
            raise InputError("penalty must be positive", got=str(self.penalty))

    def fit(self, bank: Bank, genes: np.ndarray, *, scale: Scale) -> "TrainedLinear":
        """Return the probe trained on the bank's spots that have counts."""
        bank.require_embeddings()
        rows = ~bank.empty
        columns = bank.columns_of(genes)
        targets = bank.on_scale(scale)[rows][:, columns]
        features = Features.fit(bank.vectors[rows], self.components)
        x = features.transform(bank.vectors[rows])
        penalty = self.penalty
        if penalty is None:
            penalty = choose_penalty(x, targets, bank.slide_of[rows])
        y_mean = np.asarray(targets.mean(axis=0), np.float64).ravel()
        x_mean = x.mean(axis=0)
        coefficients = ridge(x - x_mean, targets, [penalty])[0]
        if self.rank is not None:
            coefficients = _of_rank(x - x_mean, coefficients, self.rank)
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
    scale: Scale
    bank: Bank
    features: Features
    coefficients: np.ndarray
    intercept: np.ndarray
    penalty: float

    def predict(self, queries: Queries) -> np.ndarray:
        """Return expression (n_queries, n_genes) float32; a linear model's may lie below 0."""
        x = self.features.transform(vectors_of(queries, self.bank))
        return x.astype(np.float32) @ self.coefficients + self.intercept


def _of_rank(x: np.ndarray, coefficients: np.ndarray, rank: int) -> np.ndarray:
    """Return coefficients (p, n_genes) whose fitted values are the best ones of that rank.

    Of the fitted values' singular vectors only the leading ones over spots are needed: what lies
    in their span is a projection of the fitted values from the left.
    """
    left, sizes, _ = np.linalg.svd(x, full_matrices=False)
    kept = sizes > 1e-10 * sizes.max(initial=0)
    left = left[:, kept]
    fitted = left.T @ (x @ coefficients)  # all of the fitted values, on few rows
    directions = np.linalg.eigh(fitted @ fitted.T)[1][:, ::-1][:, :rank]
    wanted = left @ (directions @ (directions.T @ fitted))
    return np.linalg.lstsq(x, wanted, rcond=None)[0]
