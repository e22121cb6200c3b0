"""How well predicted expression follows measured expression, gene by gene.

All functions take ``predicted`` and ``measured`` of shape (n_spots, n_genes) on one scale. A gene
whose prediction or truth is constant scores a correlation of 0 and is counted, so that emitting
constants never pays. A missing prediction (NaN column) counts as constant.
"""

import numpy as np
from scipy import stats

from spatialrag.errors import InputError


def pearson_per_gene(predicted: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Return Pearson's r over spots for each gene, (n_genes,), float64; constants score 0."""
    predicted, measured = _paired(predicted, measured)
    x = predicted - predicted.mean(axis=0)
    y = measured - measured.mean(axis=0)
    norms = np.linalg.norm(x, axis=0) * np.linalg.norm(y, axis=0)
    constant = _constant(predicted, x) | _constant(measured, y)
    product = np.einsum("ij,ij->j", x, y)
    r = np.divide(product, norms, out=np.zeros_like(norms), where=~constant & (norms > 0))
    return np.clip(np.nan_to_num(r), -1, 1)


def spearman_per_gene(predicted: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Return Spearman's rank correlation over spots for each gene, (n_genes,)."""
    predicted, measured = _paired(predicted, measured)
    missing = np.isnan(predicted).any(axis=0)
    ranks = (
        stats.rankdata(np.where(missing, 0, predicted), axis=0),
        stats.rankdata(measured, axis=0),
    )
    return pearson_per_gene(*ranks)


def mean_coexpression(values: np.ndarray) -> float:
    """Return the mean of Pearson's r over all pairs of genes of (n_spots, n_genes).

    Pairs with a constant gene are left out; NaN where fewer than two genes vary.
    """
    centred = np.asarray(values, np.float64) - np.mean(values, axis=0, dtype=np.float64)
    norms = np.linalg.norm(centred, axis=0)
    varies = ~_constant(values, centred)
    n = int(varies.sum())
    if n < 2:
        return float("nan")
    # The squared length of the sum of unit vectors is n plus twice the sum over pairs.
    total = (centred[:, varies] / norms[varies]).sum(axis=1)
    return float((total @ total - n) / (n * (n - 1)))


def pcc_k(r: np.ndarray, k: int) -> float:
    """Return PCC-k, the mean of the ``k`` best correlations: genes are ranked on the test truth.

    This is the paper's oracle ranking; compare it with `null_pcc_k`. With fewer than ``k`` genes
    the result is NaN rather than a mean of fewer under the same name.
    """
    return float(np.sort(r)[::-1][:k].mean()) if len(r) >= k else float("nan")


def null_pcc_k(n_spots: int, n_genes: int, k: int, *, draws: int = 200, seed: int = 0) -> float:
    """Return the PCC-k that predictions independent of the truth reach on average.

    Null correlations of n spots follow 2 Beta((n-2)/2, (n-2)/2) - 1; genes are taken as
    independent.
    """
    if n_genes < k or n_spots < 3:
        return float("nan")
    shape = (n_spots - 2) / 2
    rng = np.random.default_rng(seed)
    r = 2 * rng.beta(shape, shape, (draws, n_genes)) - 1
    return float(np.sort(r, axis=1)[:, -k:].mean())


def errors(predicted: np.ndarray, measured: np.ndarray) -> dict[str, float]:
    """Return MSE, RMSE, MAE and RVD over the genes that have a prediction.

    RVD is the mean over genes of ((var predicted - var measured) / var measured)², over genes
    that vary in truth.
    """
    predicted, measured = _paired(predicted, measured)
    present = ~np.isnan(predicted).any(axis=0)
    if not present.any():
        return dict.fromkeys(("mse", "rmse", "mae", "rvd"), float("nan"))
    x, y = predicted[:, present], measured[:, present]
    varies = y.var(axis=0) > 0
    ratio = x.var(axis=0)[varies] / y.var(axis=0)[varies] - 1
    return {
        "mse": float(np.mean((x - y) ** 2)),
        "rmse": float(np.sqrt(np.mean((x - y) ** 2))),
        "mae": float(np.mean(np.abs(x - y))),
        "rvd": float(np.mean(ratio**2)) if varies.any() else float("nan"),
    }


def top_gene_overlap(predicted: np.ndarray, measured: np.ndarray, k: int = 50) -> float:
    """Return the share of a spot's ``k`` highest genes that are also predicted highest, on average.

    Parameters
    ----------
    predicted, measured : (n_spots, n_genes)
        Missing predictions rank last; ties by position.
    """
    predicted, measured = _paired(np.nan_to_num(predicted, nan=-np.inf), measured)
    k = min(k, measured.shape[1])
    found, true = (
        np.argsort(-values, axis=1, kind="stable")[:, :k] for values in (predicted, measured)
    )
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(found, true, strict=True)]))


def _paired(predicted: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    predicted, measured = np.asarray(predicted, np.float64), np.asarray(measured, np.float64)
    if predicted.shape != measured.shape or predicted.ndim != 2:
        raise InputError(
            "predicted and measured expression do not match",
            expected="two (n_spots, n_genes) arrays of one shape",
            got=f"{predicted.shape} and {measured.shape}",
        )
    return predicted, measured


def _constant(values: np.ndarray, centered: np.ndarray) -> np.ndarray:
    # Rounding leaves a centred constant column at about eps times its level, not at 0.
    level = np.abs(values).max(axis=0, initial=0)
    return ~(np.abs(centered).max(axis=0, initial=0) > 1e-12 * np.maximum(level, 1e-300))
