"""Correlation that depth does not explain: r given the counts of each spot."""

import numpy as np

from spatialrag.errors import InputError
from spatialrag.metrics.expression import fill_missing, pearson_per_gene

_ROUNDING = 1e-6  # of values kept in float32, relative to their level


def partial_pearson_per_gene(
    predicted: np.ndarray, measured: np.ndarray, given: np.ndarray
) -> np.ndarray:
    """Return Pearson's r over spots of each gene with one covariate held fixed, (n_genes,).

    It is the correlation of what is left of both after regression on the covariate, such as
    ln(1 + depth): a map that is nothing but that covariate scores 0.

    Parameters
    ----------
    predicted, measured : (n_spots, n_genes)
        As in `spatialrag.metrics.expression.pearson_per_gene`.
    given : (n_spots,)
        The covariate; finite.

    Raises
    ------
    InputError
        A covariate of another length, or not finite.
    """
    given = np.asarray(given, np.float64)
    if given.shape != (len(measured),) or not np.isfinite(given).all():
        raise InputError(
            "the covariate of a partial correlation does not fit the spots",
            expected=f"({len(measured)},) finite numbers",
            got=f"{given.shape}, {(~np.isfinite(given)).sum()} of them not finite",
        )
    predicted = fill_missing(np.asarray(predicted, np.float64))
    return pearson_per_gene(_without(predicted, given), _without(measured, given))


def _without(values: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return what regression on a covariate leaves of each column; 0 where that is rounding."""
    values = np.asarray(values, np.float64)
    left = values - values.mean(axis=0)
    unit = given - given.mean()
    norm = np.linalg.norm(unit)
    if norm > _ROUNDING * np.linalg.norm(given):
        left = left - np.outer(unit, unit @ left) / norm**2
        rounding = _ROUNDING * np.linalg.norm(values, axis=0)
        left[:, np.linalg.norm(left, axis=0) <= rounding] = 0
    return left
