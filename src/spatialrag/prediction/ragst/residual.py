"""What retrieval leaves: a ridge from the patch, bounded so that it stays the smaller part."""

from dataclasses import dataclass

import numpy as np

from spatialrag.prediction.features import choose_penalty, ridge


@dataclass(frozen=True, eq=False)
class Residual:
    """bound * tanh(ridge(x) / bound), per gene.

    Parameters
    ----------
    coefficients : (p, n_genes) float32
        0 for genes that training spots did not measure.
    intercept : (n_genes,) float32
    bound : (n_genes,) float32
        Largest absolute value.
    """

    coefficients: np.ndarray
    intercept: np.ndarray
    bound: np.ndarray

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return (n, n_genes) float32; within the bound."""
        raw = inputs.astype(np.float32) @ self.coefficients + self.intercept
        bound = np.where(self.bound > 0, self.bound, 1)
        return np.where(self.bound > 0, self.bound * np.tanh(raw / bound), 0).astype(np.float32)


def fit_residual(
    inputs: np.ndarray,
    left: np.ndarray,
    retrieved: np.ndarray,
    known: np.ndarray,
    *,
    groups: np.ndarray,
    share: float,
) -> Residual:
    """Return the residual of training spots.

    Parameters
    ----------
    inputs : (n, p)
        What the head reads of their patches.
    left : (n, n_genes)
        Measured minus retrieved expression.
    retrieved : (n, n_genes)
    known : (n_genes,) bool
        Genes that every training slide measured; others get no residual.
    groups : (n,)
        What is left out together to choose the ridge's penalty.
    share
        Largest share of residual and retrieved variance that the residual may have on the
        training spots: its bound is sqrt(share / (1 - share)) standard deviations of the
        retrieved part, and no bounded quantity varies more than its bound.
    """
    n_genes = left.shape[1]
    coefficients = np.zeros((inputs.shape[1], n_genes), np.float32)
    intercept = np.zeros(n_genes, np.float32)
    target = np.where(known, left, 0)[:, known]
    center = inputs.mean(axis=0)
    x = inputs - center
    penalty = choose_penalty(x, target, groups)
    found = ridge(x, target - target.mean(axis=0), [penalty])[0]
    coefficients[:, known] = found
    # Without a mean of its own: the retrieved part keeps its level, the residual only its pattern.
    intercept[known] = -center @ found
    bound = np.sqrt(share / (1 - share)) * retrieved.std(axis=0)
    return Residual(coefficients, intercept, np.where(known, bound, 0).astype(np.float32))
