"""How much of a component varies over places, how far, and what its noise hides.

A component y of expression at place s is a field f(s) plus noise that no place explains: counting,
and cells of other types side by side. The field's correlation falls exponentially with distance,

    cov(y_s, y_t) = (1 - nu) exp(-|s - t| / l) + nu [s = t],

with range l in spacings and share of noise nu, fitted to the correlogram. Of cells, pairs that
touch are left out: segmentation mixes their counts, which is no tissue. The field's mean given the
data (kriging, a Wiener filter) then smooths by as much as that component and that tissue bear:
large deep spots hardly, shallow cells in wide layers much.
"""

from dataclasses import dataclass

import numpy as np

from spatialrag.domains.consensus.neighborhoods import Neighborhoods

_RANGES = np.geomspace(0.7, 40, 8)
_NOISE = np.array([0.01, 0.03, 0.06, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99])
_USED = 40  # nearest places in the prediction
_WIDER = (80, 160)  # places of plain means, for fields so noisy that those are not enough
_NOISY = 0.6  # share of noise from which they are tried
_SAMPLE = 1000  # places at which correlograms and losses are taken
# Lags of the correlogram, in spacings: the first is that of spots that touch.
_LAGS = np.array([0.3, 1.2, 1.7, 2.3, 3.2, 4.5, 6.5, 9.5])
_PAIRS = 400_000  # distances held at a time where losses of plain means are taken
_BLOCK = 4000  # places predicted at a time
_SECOND_RING = (1.2, 2.3)  # spacings: beyond what segmentation mixes between cells that touch


@dataclass(frozen=True, eq=False)
class Fields:
    """Components of expression as fields over places.

    Parameters
    ----------
    means : (n_spots, p)
        The field's mean at each spot, in units of the component's standard deviation.
    variance : (p,)
        Variance of the components.
    ranges, noise : (p,)
        l and nu.
    autocorrelation : (p,)
        Autocorrelation of the component between places in the second ring; at least 0.
    loss : (p,)
        Expected squared error of ``means`` over the field's variance.
    """

    means: np.ndarray
    variance: np.ndarray
    ranges: np.ndarray
    noise: np.ndarray
    autocorrelation: np.ndarray
    loss: np.ndarray


def fit_fields(components: np.ndarray, places: Neighborhoods) -> Fields:
    """Return the fields of components.

    Parameters
    ----------
    components : (n_spots, p)
    places
        Places of the same spots.
    """
    spread = np.maximum(components.std(axis=0), 1e-12)
    values = (components - components.mean(axis=0)) / spread
    shared = places.shared
    at_places = (places.at @ values) / shared[:, None]
    near = places.nearest(_USED)
    ranges, noise = _fit(at_places, places)
    means, loss = np.zeros_like(at_places), np.ones(values.shape[1])
    for length, share in sorted(set(zip(ranges, noise, strict=True))):
        which = (ranges == length) & (noise == share)
        means[:, which], loss[which] = _predict(at_places[:, which], places, near, length, share)
    noisy = noise >= _NOISY
    for k in _WIDER if noisy.any() else ():
        wide = np.full(len(loss), np.inf)
        wide[noisy] = _plain_loss(ranges[noisy], noise[noisy], places, k)
        better = wide < loss
        if better.any():
            means[:, better] = places.mean_of_places(k) @ at_places[:, better]
            loss[better] = wide[better]
    ring = places.ring(*_SECOND_RING)
    pairs = max(ring.sum(), 1.0)
    lagged = np.einsum("np,np->p", at_places, ring @ at_places) / pairs
    return Fields(places.at.T @ means, spread**2, ranges, noise, np.clip(lagged, 0, 1), loss)


def smoothing_loss(fields: Fields, places: Neighborhoods, k: int) -> np.ndarray:
    """Return the loss of the plain mean over a place and its ``k`` nearest, as ``Fields.loss``.

    Parameters
    ----------
    fields
        Whose ranges and noise are taken for true.
    places
    k
        0 for the spot's own value.

    Returns
    -------
    (p,)
        Expected squared error over the field's variance.
    """
    return _plain_loss(fields.ranges, fields.noise, places, k)


def _plain_loss(ranges: np.ndarray, noise: np.ndarray, places: Neighborhoods, k: int) -> np.ndarray:
    sample = _spread_out(len(places.xy), min(_SAMPLE, _PAIRS // (k + 1) ** 2))
    near = places.nearest(k + 1)[sample]
    there = near >= 0
    weights = there / there.sum(axis=1, keepdims=True)
    distance = _distances(places.xy, near)
    shared = places.shared[near]
    losses: dict[tuple[float, float], float] = {}
    pairs = list(zip(ranges, noise, strict=True))
    for length, share in set(pairs):
        correlation = np.exp(-distance / length)
        averaged = (correlation @ weights[..., None])[..., 0]
        to_own, among = averaged[:, 0], np.einsum("nk,nk->n", weights, averaged)
        counted = share * (weights**2 / shared).sum(axis=1)
        losses[length, share] = float(np.mean(1 - 2 * to_own + among + counted / (1 - share)))
    return np.array([losses[pair] for pair in pairs])


def _fit(values: np.ndarray, places: Neighborhoods) -> tuple[np.ndarray, np.ndarray]:
    """Return range and share of noise of each component, by least squares on correlograms."""
    found, lag = correlograms(values, places)
    weight = 1 / np.sqrt(lag)
    best = np.full(values.shape[1], np.inf)
    ranges, noise = np.full(values.shape[1], _RANGES[0]), np.full(values.shape[1], _NOISE[-1])
    for length in _RANGES:
        for share in _NOISE:
            expected = (1 - share) * np.exp(-lag / length)
            error = weight @ (found - expected[:, None]) ** 2
            better = error < best - 1e-12
            best[better], ranges[better], noise[better] = error[better], length, share
    return ranges, noise


def correlograms(values: np.ndarray, places: Neighborhoods) -> tuple[np.ndarray, np.ndarray]:
    """Return correlations of components at growing lags, (n_lags, p), and the lags, (n_lags,).

    Parameters
    ----------
    values : (n_places, p)
        Values of unit variance.
    places
        Where spots do not lie on a grid, the first lag (cells that touch) is left out.
    """
    first, second, length = places.pairs_within(_LAGS[-1], _spread_out(len(values), _SAMPLE))
    of_bin = np.searchsorted(_LAGS, length) - 1
    found, lags = [], []
    for number in range(0 if places.regular else 1, len(_LAGS) - 1):
        own = of_bin == number
        if own.sum() > 0:
            found.append(np.mean(values[first[own]] * values[second[own]], axis=0))
            lags.append(length[own].mean())
    if not found:
        return np.zeros((1, values.shape[1])), np.ones(1)
    return np.array(found), np.array(lags)


def _with_noise(
    correlation: np.ndarray, near: np.ndarray, shared: np.ndarray, share: float
) -> np.ndarray:
    covariance = (1 - share) * correlation
    diagonal = np.arange(near.shape[1])
    there = near >= 0
    covariance[:, diagonal, diagonal] += np.where(there, share / shared[near], 1.0)
    return covariance


def _predict(
    values: np.ndarray, places: Neighborhoods, near: np.ndarray, length: float, share: float
) -> tuple[np.ndarray, float]:
    """Return the field's mean at every place from its nearest, and its expected loss."""
    found, left = np.empty_like(values), []
    for start in range(0, len(values), _BLOCK):
        part = near[start : start + _BLOCK]
        correlation = np.exp(-_distances(places.xy, part) / length)
        covariance = _with_noise(correlation, part, places.shared, share)
        cross = (1 - share) * correlation[:, :, 0]
        weights = np.linalg.solve(covariance, cross[..., None])[..., 0]
        found[start : start + _BLOCK] = np.einsum("nk,nkp->np", weights, values[part])
        left.append(1 - np.einsum("nk,nk->n", weights, cross) / (1 - share))
    return found, float(np.mean(np.concatenate(left)))


def _distances(xy: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Return distances among each row of places, (n, k, k); absent ones are infinitely far."""
    own = xy[near]
    square = (own**2).sum(axis=-1)
    inner = np.einsum("nkd,nld->nkl", own, own)
    distance = np.sqrt(np.maximum(square[:, :, None] + square[:, None] - 2 * inner, 0))
    absent = near < 0
    distance[absent[:, :, None] | absent[:, None]] = np.inf
    diagonal = np.arange(near.shape[1])
    distance[:, diagonal, diagonal] = 0
    return distance


def _spread_out(n: int, most: int) -> np.ndarray:
    """Return at most so many positions, evenly."""
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).astype(int)
