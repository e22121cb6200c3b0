"""What each precision can hold: where squares neither overflow nor vanish."""

import math

import numpy as np

# Values and row weights may lie between 1 / REACH and REACH: then every product of a solve, up to
# the square of a weighted correlation, is far from the ends of float64. All of float32 is inside.
REACH = 2.0**150
LEAST_L2 = 1e-200  # with a smaller one, the elastic net's own dual has an infinite penalty

_LEAST, _MOST = 2.0**-80, 2.0**100  # of float32's lengths and products, far from its ends
_TARGET = (2.0**-40, 2.0**60)  # of targets, so that their products with such columns are too


def in_reach(peak: np.ndarray | float) -> np.ndarray | bool:
    """Return whether largest absolute values are 0 or can be computed with in float64."""
    peak = np.asarray(peak, np.float64)
    return (peak == 0) | ((peak >= 1 / REACH) & (peak <= REACH))


def products_fit(norm: float, lengths: np.ndarray, l1: np.ndarray) -> bool:
    """Return whether d'r can be computed in float32 and compared with l1.

    Parameters
    ----------
    norm
        Largest ‖d_i‖.
    lengths, l1 : (n,)
        ‖r‖ and l1 of each query.
    """
    lengths = lengths[lengths > 0]
    if len(lengths) == 0 or norm == 0:
        return bool(l1.max() < _MOST)
    low, high = float(lengths.min()), float(lengths.max())
    least, most = min(low, norm * low), max(high, norm, norm * high, float(l1.max()))
    return least > _LEAST and most < _MOST


def target_fits(peak: np.ndarray | float) -> np.ndarray | bool:
    """Return whether targets with these largest absolute values can be used in float32."""
    return (peak == 0) | ((peak > _TARGET[0]) & (peak < _TARGET[1]))


def fits_float32(size: np.ndarray | float) -> np.ndarray | bool:
    """Return whether numbers can be the largest of a float32 computation; 0 cannot be told."""
    return (size > _LEAST) & (size < _MOST)


def gram_fits(peak: float, l1: float, l2: float) -> bool:
    """Return whether a Gram matrix with this largest entry can be solved with in float32."""
    return bool(fits_float32(peak)) and max(l1, l2) < _MOST


def subtract_exactly(target: np.ndarray, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return b − D a rounded once, (m,), from ``rows``, (k, m), and k weights.

    Products are split into a value and its error (Dekker, Numer. Math. 18, 1971), and summed
    without rounding.
    """
    weights = weights[:, None]
    product = weights * rows
    (high, low), (row_high, row_low) = _halves(weights), _halves(rows)
    error = (high * row_high - product) + high * row_low + low * row_high + low * row_low
    terms = np.concatenate([target[None], -product, -error])
    return np.array([math.fsum(column) for column in terms.T.tolist()])


def _halves(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two numbers of half the digits that add up to each value."""
    far = values * (2.0**27 + 1)
    high = far - (far - values)
    return high, values - high
