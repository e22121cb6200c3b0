"""Mean, spread and quantiles of rows of pixels: numpy's numbers, sooner, by histograms."""

from collections.abc import Sequence

import numpy as np

_N_BINS = 4096  # per row: a few pixels of a patch each


def quantiles(values: np.ndarray, probabilities: Sequence[float]) -> np.ndarray:
    """Return quantiles of each row, (n_probabilities, n_rows), interpolated linearly.

    Only what lies in the bins of the wanted ranks is sorted.

    Parameters
    ----------
    values : (n_rows, n)
        Finite, 0 or more.
    probabilities
        0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> quantiles(np.array([[4.0, 1.0, 2.0, 3.0]]), (0.25, 0.5))
    array([[1.75],
           [2.5 ]])
    """
    n_rows, n = values.shape
    between = _Between(n, probabilities)
    ranks = between.ranks
    highest = values.max(axis=1)
    scale = np.divide(_N_BINS - 2, highest, out=np.zeros_like(highest), where=highest > 0)
    scaled = np.ceil(values * scale[:, None])  # zeros, such as no stain at all, by themselves
    zero = _N_BINS * np.arange(n_rows)[:, None]  # a range of bins for every row
    scaled += zero
    bins = scaled.astype(np.intp)
    ends = np.bincount(bins.ravel(), minlength=n_rows * _N_BINS).cumsum()
    of_rank = ends.searchsorted(ranks + n * np.arange(n_rows)[:, None], side="right")
    wanted = np.zeros(ends.size, bool)
    wanted[of_rank] = True
    wanted[zero] = False
    found = [
        np.append(0.0, np.sort(np.compress(kept, row), kind="stable"))
        for row, kept in zip(values, wanted[bins], strict=True)
    ]
    starts = ends[of_rank - 1] - n * np.arange(n_rows)[:, None]
    sorted_here = np.where(wanted[of_rank], ends[of_rank] - ends[of_rank - 1], 0)
    sorted_before = np.cumsum(
        np.where(np.diff(of_rank, axis=1, prepend=-1) > 0, sorted_here, 0), axis=1
    )
    places = np.where(of_rank == zero, 0, 1 + ranks - starts + sorted_before - sorted_here)
    at = [row[own] for row, own in zip(found, places, strict=True)]
    return between.interpolate(np.stack(at, axis=1))


def moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each row, of values (n_rows, n)."""
    means = values.mean(axis=1)
    centred = values - means[:, None]
    return means, np.sqrt(np.einsum("ij,ij->i", centred, centred) / values.shape[1])


class Levels:
    """Rows that take few values: counted once.

    Parameters
    ----------
    levels : (n_rows, n)
        Places in ``table``.
    table : (n_levels,)
        The values, ascending.
    """

    def __init__(self, levels: np.ndarray, table: np.ndarray) -> None:
        first = len(table) * np.arange(len(levels))[:, None]
        self._table, self._n = table, levels.shape[1]
        counts = np.bincount((levels + first).ravel(), minlength=len(table) * len(levels))
        self._counts = counts.reshape(len(levels), -1)

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of each row."""
        means = self._counts @ self._table / self._n
        squares = (self._table - means[:, None]) ** 2
        return means, np.sqrt(np.einsum("ij,ij->i", self._counts, squares) / self._n)

    def quantiles(self, probabilities: Sequence[float]) -> np.ndarray:
        """Return quantiles of each row, (n_probabilities, n_rows), as the function does."""
        between = _Between(self._n, probabilities)
        ends = self._counts.cumsum(axis=1)
        places = [row.searchsorted(between.ranks, side="right") for row in ends]
        return between.interpolate(self._table[np.stack(places, axis=1)])


class _Between:
    """Which ranks quantiles of n values lie between, and where.

    Attributes
    ----------
    ranks
        Ascending, each once.
    """

    def __init__(self, n: int, probabilities: Sequence[float]) -> None:
        places = np.asarray(probabilities) * (n - 1)
        below = np.floor(places).astype(np.intp)
        pairs = np.stack([below, np.minimum(below + 1, n - 1)])
        self.ranks, places_of_pairs = np.unique(pairs, return_inverse=True)
        self._low, self._high = places_of_pairs.reshape(pairs.shape)
        self._weights = (places - below)[:, None]

    def interpolate(self, at: np.ndarray) -> np.ndarray:
        """Return the quantiles, (n_probabilities, n_rows), of values at ranks (n_ranks, n_rows)."""
        low, high, weights = at[self._low], at[self._high], self._weights
        # From the nearer side, as numpy does.
        return np.where(
            weights < 0.5, low + (high - low) * weights, high - (high - low) * (1 - weights)
        )
