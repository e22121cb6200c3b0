"""How well predicted expression follows measured expression, gene by gene.

All functions take ``predicted`` and ``measured`` of shape (n_spots, n_genes) on one scale. A gene
whose prediction or truth is constant scores a correlation of 0 and is counted, so that emitting
constants never pays. Nor does leaving values out: where correlations are computed, a missing value
(NaN, or masked) is taken as the mean of what was predicted of its gene, which says nothing about
its spot. The result is never further from 0 than that of the spots that have a prediction, and 0
where none has. Measured values may not be missing, and no value may be infinite.
"""

import numpy as np
from scipy import integrate, special, stats

from spatialrag.errors import InputError


def pearson_per_gene(predicted: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Return Pearson's r over spots for each gene, (n_genes,), float64; constants score 0.

    Examples
    --------
    >>> x = np.array([[1.0, 1.0], [2.0, 0.0], [3.0, 2.0]])
    >>> pearson_per_gene(x, x).round(6).tolist()
    [1.0, 1.0]
    """
    predicted, measured = _paired(predicted, measured)
    x, y = centered(fill_missing(predicted)), centered(measured)
    norms = np.linalg.norm(x, axis=0) * np.linalg.norm(y, axis=0)
    product = np.einsum("ij,ij->j", x, y)
    return np.clip(np.divide(product, norms, out=np.zeros_like(norms), where=norms > 0), -1, 1)


def spearman_per_gene(predicted: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Return Spearman's rank correlation over spots for each gene, (n_genes,).

    Examples
    --------
    >>> x = np.array([[1.0], [2.0], [30.0]])
    >>> spearman_per_gene(x, np.exp(x)).round(6).tolist()
    [1.0]
    """
    predicted, measured = _paired(predicted, measured)
    ranks = np.empty_like(predicted)
    holes = np.isnan(predicted).any(axis=0)
    ranks[:, ~holes] = stats.rankdata(predicted[:, ~holes], axis=0)
    ranks[:, holes] = stats.rankdata(predicted[:, holes], axis=0, nan_policy="omit")
    return pearson_per_gene(ranks, stats.rankdata(measured, axis=0))


def is_constant(values: np.ndarray) -> np.ndarray:
    """Return which columns do not vary, (n_columns,) bool.

    Less than 1e-12 of a column's level is rounding, not variation. Missing values are not looked
    at; a column without any value is constant.
    """
    values = np.asarray(values, np.float64)
    if len(values) == 0:
        return np.ones(values.shape[1], bool)
    low, high = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    level = np.maximum(np.abs(low), np.abs(high))
    return ~(high - low > 1e-12 * level)


def centered(values: np.ndarray) -> np.ndarray:
    """Return columns less their mean, divided by the largest distance from it; 0 for constants.

    Squares of what is returned neither vanish nor overflow, whatever the scale of the values.
    """
    values = np.asarray(values, np.float64)
    z = values - values.mean(axis=0)
    largest = np.abs(z).max(axis=0, initial=0)
    varies = ~is_constant(values) & (largest > 0)
    return np.divide(z, largest, out=np.zeros_like(z), where=varies)


def fill_missing(predicted: np.ndarray) -> np.ndarray:
    """Return the values with the mean of its column in place of each missing one.

    Parameters
    ----------
    predicted : (n_spots, n_genes)
        NaN where there is no prediction; a gene without any becomes 0 everywhere.
    """
    missing = np.isnan(predicted)
    if not missing.any():
        return predicted
    total = np.where(missing, 0, predicted).sum(axis=0)
    mean = total / np.maximum((~missing).sum(axis=0), 1)
    return np.where(missing, mean, predicted)


def mean_coexpression(values: np.ndarray) -> float:
    """Return the mean of Pearson's r over all pairs of genes of (n_spots, n_genes).

    Pairs with a constant gene are left out; NaN where fewer than two genes vary.
    """
    z = centered(values)
    norms = np.linalg.norm(z, axis=0)
    varies = norms > 0
    n = int(varies.sum())
    if n < 2:
        return float("nan")
    # The squared length of the sum of unit vectors is n plus twice the sum over pairs.
    total = (z[:, varies] / norms[varies]).sum(axis=1)
    return float((total @ total - n) / (n * (n - 1)))


def pcc_k(r: np.ndarray, k: int) -> float:
    """Return PCC-k, the mean of the ``k`` best correlations: genes are ranked on the test truth.

    This is the paper's oracle ranking; compare it with `null_pcc_k`. With fewer than ``k`` genes
    the result is NaN rather than a mean of fewer under the same name.

    Examples
    --------
    >>> round(pcc_k(np.array([0.1, 0.5, 0.3]), 2), 6)
    0.4
    """
    return float(np.sort(r)[::-1][:k].mean()) if len(r) >= k else float("nan")


def null_pcc_k(n_spots: int, n_genes: int, k: int) -> float:
    """Return the PCC-k that predictions independent of the truth reach in expectation.

    Null correlations of n independent spots follow 2 Beta((n-2)/2, (n-2)/2) - 1 (normal data),
    and genes are taken as independent. The mean of the k largest of N is N / k times the integral
    of the quantile function weighted by the chance that at most k - 1 of the other genes lie
    above. It is 0 for k = N, and never negative. Maps are smooth and their spots are not
    independent: `spatialrag.metrics.surrogates` has the level for such maps.
    """
    if n_genes < k or n_spots < 3:
        return float("nan")
    if n_genes == k:
        return 0.0
    shape, best = (n_spots - 2) / 2, min(k, n_genes - k)

    def weighted(below: float) -> float:
        r = 2 * special.betaincinv(shape, shape, below) - 1
        return r * special.betainc(n_genes - best, best, below)

    # The weight rises within a few standard deviations of a share of genes.
    edge, width = 1 - best / n_genes, np.sqrt(best * (1 - best / n_genes)) / n_genes
    points = np.clip(edge + width * np.array([-100, -25, -6, 0, 6, 25, 100]), 0, 1)
    total = integrate.quad(weighted, 0, 1, points=points, limit=200, epsabs=1e-9)[0]
    # All correlations sum to 0, so the k best have the sum of the others' but for the sign, and
    # the distribution is symmetric: the sum of the k best is that of the n_genes - k best.
    return max(float(n_genes * total / k), 0.0)


def errors(predicted: np.ndarray, measured: np.ndarray) -> dict[str, float]:
    """Return MSE, RMSE, MAE and RVD over the values that were predicted.

    RVD is the mean over genes of ((var predicted - var measured) / var measured)², over genes
    that vary in truth. Missing values cost nothing here: report their share beside these.
    """
    predicted, measured = _paired(predicted, measured)
    present = ~np.isnan(predicted)
    if not present.any():
        return dict.fromkeys(("mse", "rmse", "mae", "rvd"), float("nan"))
    difference = predicted[present] - measured[present]
    pair = [np.where(present, values, np.nan) for values in (predicted, measured)]
    varies = ~is_constant(pair[1])
    variances = [np.nanvar(values[:, varies], axis=0) for values in pair]
    ratio = variances[0] / variances[1] - 1
    return {
        "mse": float(np.mean(difference**2)),
        "rmse": float(np.sqrt(np.mean(difference**2))),
        "mae": float(np.mean(np.abs(difference))),
        "rvd": float(np.mean(ratio**2)) if varies.any() else float("nan"),
    }


def top_gene_overlap(predicted: np.ndarray, measured: np.ndarray, k: int = 50) -> float:
    """Return the share of a spot's ``k`` highest genes that are also predicted highest, on average.

    Ties, of predictions and of measured values alike, are broken at random, and the share is what
    that gives in expectation: a prediction that is the same for all genes gets k / n_genes. Where
    measured values are tied at the k-th place no prediction reaches 1; what is highest possible is
    ``top_gene_overlap(measured, measured, k)``.

    Parameters
    ----------
    predicted, measured : (n_spots, n_genes)
        Missing predictions are never among the highest.
    k
        At most all genes.
    """
    predicted, measured = _paired(predicted, measured)
    k = min(k, measured.shape[1])
    if k == 0:
        return float("nan")
    both = (chance_among_top(values, k) for values in (predicted, measured))
    return float(np.multiply(*both).sum(axis=1).mean() / k)


def chance_among_top(values: np.ndarray, k: int) -> np.ndarray:
    """Return how likely each value is among its row's ``k`` highest, ties broken at random.

    Parameters
    ----------
    values : (n_rows, n_columns)
        NaN is never among them.
    k
        From 1 to n_columns.
    """
    values = np.where(np.isnan(values), -np.inf, values)
    last = np.partition(values, -k, axis=1)[:, [-k]]
    above = values > last
    tied = (values == last) & (values > -np.inf)
    places = k - above.sum(axis=1, keepdims=True)
    return above + tied * places / np.maximum(tied.sum(axis=1, keepdims=True), 1)


def _paired(predicted: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both as float64, masked values as NaN; raise `InputError` when they do not pair."""
    predicted, measured = _as_numbers(predicted), _as_numbers(measured)
    if predicted.shape != measured.shape or predicted.ndim != 2:
        raise InputError(
            "predicted and measured expression do not match",
            expected="two (n_spots, n_genes) arrays of one shape",
            got=f"{predicted.shape} and {measured.shape}",
        )
    if len(predicted) == 0:
        raise InputError("there is no spot to score", expected="at least one")
    if not np.isfinite(measured).all():
        raise InputError(
            "measured expression has values that are missing or infinite",
            got=f"{(~np.isfinite(measured)).sum()} of {measured.size}",
            fix="leave out the spots or genes that were not measured",
        )
    if np.isinf(predicted).any():
        raise InputError(
            "predicted expression has infinite values",
            expected="numbers, or NaN where there is no prediction",
            got=f"{np.isinf(predicted).sum()} of {predicted.size}",
        )
    return predicted, measured


def _as_numbers(values: np.ndarray) -> np.ndarray:
    if np.iscomplexobj(values):
        raise InputError("expression cannot be complex", expected="real numbers")
    if isinstance(values, np.ma.MaskedArray):
        masked: np.ma.MaskedArray = np.ma.asarray(values, np.float64)
        return masked.filled(np.nan)
    return np.asarray(values, np.float64)
