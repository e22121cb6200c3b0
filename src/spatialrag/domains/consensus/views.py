"""The features that partitions are made of, and how much each is to be trusted on a tissue."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from spatialrag.domains.consensus.components import Expression
from spatialrag.domains.consensus.field import Fields, fit_fields, smoothing_loss
from spatialrag.domains.consensus.neighborhoods import Neighborhoods

_COMPONENTS = 20
_RANGES = (5, 15, 45)
_SHARPNESS = 1.5  # power of the efficiency in a vote
_MIDDLE = 15  # places, by which means over neighborhoods are judged


@dataclass(frozen=True, eq=False)
class View:
    """Features of spots.

    Parameters
    ----------
    name
        What they are: ``field``, ``field, autocorrelated``, ``smooth field``, ``own``, ``ranges``
        or ``mean first``, with ``, scaled`` where genes were brought to one variance.
    features : (n_spots, p)
    efficiency
        Expected loss of the best linear prediction of the field over that of this view, up to 1.
    """

    name: str
    features: np.ndarray
    efficiency: float

    @property
    def weight(self) -> float:
        """Of its partitions in a vote."""
        return self.efficiency**_SHARPNESS


def make_views(
    logs: sparse.csr_matrix, places: Neighborhoods, sections: np.ndarray | None
) -> list[View]:
    """Return the views of a tissue.

    Parameters
    ----------
    logs : CSR (n_spots, n_genes)
        Log expression.
    places
        Places of the same spots.
    sections : (n_spots,), optional
    """
    n = int(np.clip(logs.shape[0] / 25, 6, _COMPONENTS))
    smoothers = {k: places.mean(k) for k in _RANGES}
    views = []
    for scaled in (False, True):
        expression = Expression(logs, sections, scaled=scaled)
        own = expression.along(expression.axes(_COMPONENTS))
        fields = fit_fields(own, places)
        lost = Losses.of(fields, places)
        smooth = expression.along(expression.axes(_COMPONENTS, smoothers[_MIDDLE]))
        smooth_fields = fit_fields(smooth, places)
        suffix = ", scaled" if scaled else ""
        features = {
            "field": (fields.means * np.sqrt(fields.variance), 1.0),
            "field, autocorrelated": (_autocorrelated(fields), 1.0),
            "smooth field": (
                smooth_fields.means * np.sqrt(smooth_fields.variance),
                lost.efficiency(_MIDDLE),
            ),
            "own": (own, lost.efficiency(0)),
            "ranges": (
                _joined([smoothers[k] @ own for k in _RANGES], n),
                lost.efficiency(_MIDDLE),
            ),
            "mean first": ((smoothers[_MIDDLE] @ smooth)[:, :n], lost.efficiency(_MIDDLE)),
        }
        for name, (values, efficiency) in features.items():
            views.append(View(name + suffix, values[:, :_COMPONENTS], efficiency))
    return views


@dataclass(frozen=True, eq=False)
class Losses:
    """What ways to smooth lose of a tissue's fields.

    Parameters
    ----------
    best
        Score of the best linear prediction, the mean over components weighted by what varies over
        places.
    plain
        Score of plain means over 0 and `_MIDDLE` nearest places.
    """

    best: float
    plain: dict[int, float]

    @classmethod
    def of(cls, fields: Fields, places: Neighborhoods) -> "Losses":
        """Return the losses of fields."""
        weights = fields.autocorrelation * fields.variance
        weights = weights / weights.sum() if weights.any() else np.full(len(weights), np.nan)
        plain = {
            k: float(weights @ np.minimum(smoothing_loss(fields, places, k), 1))
            for k in (0, _MIDDLE)
        }
        return cls(float(weights @ np.minimum(fields.loss, 1)), plain)

    def efficiency(self, k: int) -> float:
        """Return the best loss over that of means over ``k`` places; 1 where nothing is known."""
        ratio = self.best / max(self.plain[k], 1e-12)
        return 1.0 if np.isnan(ratio) else float(np.clip(ratio, 0, 1))


def _autocorrelated(fields: Fields) -> np.ndarray:
    """Return fields with their autocorrelation as standard deviation."""
    spread = np.maximum(fields.means.std(axis=0), 1e-12)
    return fields.means / spread * fields.autocorrelation


def _joined(parts: list[np.ndarray], n: int) -> np.ndarray:
    """Return parts of unit variance side by side, reduced to ``n`` components."""
    values = np.hstack([part / max(part.std(), 1e-12) for part in parts])
    values = values - values.mean(axis=0)
    variance, axes = np.linalg.eigh(values.T @ values)
    return values @ axes[:, np.argsort(-variance)[: min(n, values.shape[1])]]
