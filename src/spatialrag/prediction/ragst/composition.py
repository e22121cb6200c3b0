"""Stage 1: patch to cell-type distribution, by soft-target logistic regression, calibrated.

minimizes mean_s KL(pi_s || softmax(W x_s + b)) + penalty ||W||^2 over the spots with proportions
pi_s. Convex: one optimum, no seed, no epochs. Penalty and temperature are chosen on groups left
out (donors, or slides where there are fewer than three).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize
from scipy.special import log_softmax, softmax

from spatialrag.errors import InputError
from spatialrag.prediction.features import Features, folds_of

_GRID = np.geomspace(1e-3, 1, 7)
_TEMPERATURES = (0.25, 8.0)


@dataclass(frozen=True)
class Composition:
    """Settings of stage 1.

    Parameters
    ----------
    components
        Principal components of the standardized embeddings; None keeps all dimensions.
    penalty
        Penalty of squared weights; None chooses it by leaving groups out.
    """

    components: int | None = 256
    penalty: float | None = None

    def __post_init__(self) -> None:
        if self.components is not None and self.components < 1:
            raise InputError("components must be at least 1", got=str(self.components))
        if self.penalty is not None and not self.penalty > 0:
            raise InputError("penalty must be positive", got=str(self.penalty))

    def fit(
        self,
        vectors: np.ndarray,
        proportions: np.ndarray,
        *,
        types: Sequence[str] | np.ndarray,
        groups: object,
    ) -> "FittedComposition":
        """Return the head trained on spots.

        Parameters
        ----------
        vectors : (n_spots, dim)
            Patch embeddings.
        proportions : (n_spots, n_types)
            Rows sum to 1.
        types
            Names of the columns.
        groups : (n_spots,)
            What is left out together: donors, or slides where there are few.

        Raises
        ------
        InputError
            Fewer spots than types, or missing proportions.
        """
        proportions = np.asarray(proportions, np.float64)
        groups = np.asarray(groups)
        if len(vectors) < proportions.shape[1] or not np.isfinite(proportions).all():
            raise InputError(
                "stage 1 cannot be trained",
                expected=f"at least {proportions.shape[1]} spots, all with proportions",
                got=f"{len(vectors)} spots, {np.isnan(proportions).any(axis=1).sum()} without",
            )
        features = Features.fit(vectors, self.components)
        x = features.transform(vectors)
        spread = float(np.sqrt(np.mean(np.square(x)))) or 1.0
        x = x / spread
        penalty, temperature = self.penalty, 1.0
        if len(np.unique(groups)) > 1:
            grid = _GRID if penalty is None else [penalty]
            held = [_left_out(x, proportions, groups, each) for each in grid]
            losses = [cross_entropy(logits, proportions) for logits in held]
            penalty = float(grid[int(np.argmin(losses))])
            temperature = best_temperature(held[int(np.argmin(losses))], proportions)
        penalty = 0.1 if penalty is None else penalty
        weights, bias = _solve(x, proportions, penalty)
        return FittedComposition(
            types=np.asarray(list(types), str),
            features=features,
            spread=spread,
            weights=weights,
            bias=bias,
            penalty=penalty,
            temperature=temperature,
        )


@dataclass(frozen=True, eq=False)
class FittedComposition:
    """A trained head.

    Parameters
    ----------
    types : (n_types,)
    features, spread
        Embeddings to inputs: transformed, then divided by ``spread``.
    weights : (p, n_types)
    bias : (n_types,)
    penalty
        As used.
    temperature
        Divides the logits: above 1 where left-out donors showed overconfidence.
    """

    types: np.ndarray
    features: Features
    spread: float
    weights: np.ndarray
    bias: np.ndarray
    penalty: float
    temperature: float

    def inputs(self, vectors: np.ndarray) -> np.ndarray:
        """Return what the head reads of embeddings, (n, p) float64."""
        return self.features.transform(vectors) / self.spread

    def predict(self, vectors: np.ndarray) -> np.ndarray:
        """Return the distribution over types, (n, n_types) float64; rows sum to 1."""
        return self.shares(self.inputs(vectors))

    def shares(self, inputs: np.ndarray) -> np.ndarray:
        """Return the distribution over types from `inputs`, (n, n_types) float64."""
        return softmax((inputs @ self.weights + self.bias) / self.temperature, axis=1)


def _solve(x: np.ndarray, targets: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    p, t = x.shape[1], targets.shape[1]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = flat[:-t].reshape(p, t), flat[-t:]
        logs = log_softmax(x @ weights + bias, axis=1)
        residual = (np.exp(logs) - targets) / len(x)
        value = -(targets * logs).sum() / len(x) + penalty * np.square(weights).sum()
        gradient = x.T @ residual + 2 * penalty * weights
        return value, np.concatenate([gradient.ravel(), residual.sum(axis=0)])

    start = np.concatenate([np.zeros(p * t), np.log(np.maximum(targets.mean(axis=0), 1e-6))])
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    return found.x[:-t].reshape(p, t), found.x[-t:]


def _left_out(x: np.ndarray, targets: np.ndarray, groups: np.ndarray, penalty: float) -> np.ndarray:
    logits = np.empty_like(targets)
    for test in folds_of(groups):
        weights, bias = _solve(x[~test], targets[~test], penalty)
        logits[test] = x[test] @ weights + bias
    return logits


def cross_entropy(logits: np.ndarray, targets: np.ndarray) -> float:
    """Return the mean cross entropy of soft targets: KL up to a constant of theirs."""
    return float(-(targets * log_softmax(logits, axis=1)).sum(axis=1).mean())


def best_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """Return what logits of left-out spots are best divided by, in 0.25..8."""
    low, high = np.log(_TEMPERATURES)
    found = optimize.minimize_scalar(
        lambda log_t: cross_entropy(logits / np.exp(log_t), targets),
        bounds=(low, high),
        method="bounded",
    )
    return float(np.exp(found.x))
