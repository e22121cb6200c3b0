"""How well predicted cell-type distributions agree with given ones."""

import numpy as np
import pandas as pd
from scipy.spatial.distance import jensenshannon

from spatialrag.errors import InputError
from spatialrag.metrics.expression import pearson_per_gene

_BINS = 10
_TOLERANCE = 1e-3  # of the sum of shares


def composition_scores(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Return scores of distributions over types.

    Parameters
    ----------
    truth, predicted : (n_spots, n_types)
        Shares: at least 0, rows sum to 1 (within a thousandth). Spots whose truth is missing (NaN)
        are not scored.

    Returns
    -------
    dict
        ``pearson`` (mean over types, over spots), ``jensen_shannon`` (mean distance per spot, base
        2), ``calibration_error`` (mean of |predicted - given| over the bins of
        `calibration_curve`, weighted by their sizes).

    Raises
    ------
    InputError
        Different shapes, no spot with a truth, or rows that are no shares.

    Examples
    --------
    >>> shares = np.array([[0.2, 0.8], [0.6, 0.4]])
    >>> composition_scores(shares, shares)["jensen_shannon"]
    0.0
    """
    truth, predicted = _scored(truth, predicted)
    curve = calibration_curve(truth, predicted)
    gap = (curve["predicted"] - curve["given"]).abs()
    return {
        "pearson": float(pearson_per_gene(predicted, truth).mean()),
        "jensen_shannon": float(np.mean(jensenshannon(predicted, truth, axis=1, base=2))),
        "calibration_error": float((gap * curve["n"]).sum() / curve["n"].sum()),
    }


def calibration_curve(truth: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """Return predicted and given shares in ten bins of the predicted share, all types together.

    Parameters
    ----------
    truth, predicted : (n_spots, n_types)
        As in `composition_scores`.

    Returns
    -------
    pandas.DataFrame
        One row per bin that is not empty: ``predicted``, ``given`` (means), ``n`` (entries).
    """
    truth, predicted = (values.ravel() for values in _scored(truth, predicted))
    bins = np.minimum((predicted * _BINS).astype(int), _BINS - 1)
    entries = pd.DataFrame({"predicted": predicted, "given": truth, "n": 1})
    groups = entries.groupby(bins)
    return groups[["predicted", "given"]].mean().assign(n=groups["n"].sum())


def _scored(truth: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth, predicted = np.asarray(truth, np.float64), np.asarray(predicted, np.float64)
    if truth.shape != predicted.shape:
        raise InputError(
            "distributions cannot be compared",
            expected=f"{truth.shape} values, as given",
            got=str(predicted.shape),
        )
    known = ~np.isnan(truth).any(axis=1)
    if not known.any():
        raise InputError("no spot has given proportions", expected="at least one to score")
    truth, predicted = truth[known], predicted[known]
    for name, shares in (("given", truth), ("predicted", predicted)):
        # Comparisons with NaN are false: what is not a number is no share either.
        good = (shares >= 0).all(axis=1) & (np.abs(shares.sum(axis=1) - 1) <= _TOLERANCE)
        if not good.all():
            first = shares[~good][0]
            raise InputError(
                f"{(~good).sum()} of {len(shares)} {name} distributions are no shares of a whole",
                expected="values of at least 0 that sum to 1",
                got=f"values from {first.min():.4g} to {first.max():.4g}, sum {first.sum():.4g}",
            )
    return truth, predicted
