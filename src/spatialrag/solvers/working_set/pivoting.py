"""One small sparse regression solved exactly on its Gram matrix.

Two active-set methods share one linear solve. Each variable is inactive (0) or active with a sign.

1. Block principal pivoting (Kim & Park, SIAM J. Sci. Comput. 33, 2011): solve the active block,
   exchange every variable that contradicts its state, repeat. A handful of steps, no guarantee.
2. Where that stops making progress: descent with one entering variable per step (Lawson & Hanson
   1974 for a ≥ 0; feature-sign search, Lee et al., NIPS 2006, for free sign). Monotone and finite.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import lapack

UNEVEN = 2.0**-20  # smallest over largest squared norm of columns that need units of their own
LEAST = 2.0**-200  # relative squared norm that still gets them
_PATIENCE = 3  # full exchanges allowed without fewer contradictions
_NOISE = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-12}  # of slopes, relative
_FACTOR = {np.dtype(np.float32): lapack.spotrf, np.dtype(np.float64): lapack.dpotrf}
_SOLVE = {np.dtype(np.float32): lapack.spotrs, np.dtype(np.float64): lapack.dpotrs}


class NotPositiveDefiniteError(ArithmeticError):
    """An active block could not be factored in this precision."""


@dataclass(frozen=True, eq=False)
class Gram:
    """½ a'(G + ridge I) a − c'a + l1 ‖a‖₁.

    Parameters
    ----------
    gram : (w, w)
        G = D'D, float32 or float64; the precision of everything.
    linear : (w,)
        c = D'b.
    ridge, l1 : both float or both (w,)
        Penalties, of all variables or of each.
    positive
        Whether weights must be non-negative.
    """

    gram: np.ndarray
    linear: np.ndarray
    ridge: float | np.ndarray
    l1: float | np.ndarray
    positive: bool

    def solve(self, start: np.ndarray, *, max_steps: int = 2000) -> "Active":
        """Minimise from ``start``, (w,); after ``max_steps`` steps return what is there.

        Raises
        ------
        NotPositiveDefiniteError
            An active block is singular in this precision.
        """
        state = np.sign(start).astype(np.int8)
        fewest, patience = len(start) + 1, _PATIENCE
        while patience >= 0:
            active = self.on(state)
            enters, signs = self._entering(active, state)
            leaves = active.references[active.weights * state[active.references] < 0]
            count = len(enters) + len(leaves)
            if count == 0:
                return active
            patience = _PATIENCE if count < fewest else patience - 1
            fewest = min(fewest, count)
            state[enters], state[leaves] = signs, 0
        return self._descend(start, max_steps)

    def on(self, state: np.ndarray) -> "Active":
        """Solve (G + ridge I) a = c − l1 s on the active block, (w,) of signs."""
        active = state.nonzero()[0]  # these lines run most often: np.flatnonzero costs more
        if len(active) == 0:
            return Active(active, np.empty(0, self.gram.dtype), None)
        block = self.gram[active[:, None], active]
        ridge, l1 = self.ridge, self._l1
        if l1.ndim:
            ridge, l1 = np.asarray(ridge)[active], l1[active]
        block.flat[:: len(active) + 1] += ridge
        # The block is symmetric: its transpose is the same matrix in Fortran's order.
        factor, info = _FACTOR[block.dtype](block.T, lower=1, overwrite_a=1, clean=0)
        if info:
            raise NotPositiveDefiniteError
        right = self.linear[active] - l1 * state[active]
        return Active(active, _SOLVE[block.dtype](factor, right, lower=1)[0], factor)

    @cached_property
    def _l1(self) -> np.ndarray:
        return np.asarray(self.l1, self.gram.dtype)

    @cached_property
    def _noise(self) -> float:
        l1 = self.l1.max() if isinstance(self.l1, np.ndarray) else self.l1
        return _NOISE[self.gram.dtype] * max(np.abs(self.linear).max(), l1)

    def _entering(self, active: "Active", state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which inactive variables violate optimality, and the signs they would take."""
        slope = self._slope(active)
        size = slope if self.positive else np.abs(slope)
        enters = ((size > self.l1 + self._noise) & (state == 0)).nonzero()[0]
        return enters, np.sign(slope[enters]).astype(np.int8)

    def _slope(self, active: "Active") -> np.ndarray:
        return self.linear - active.weights @ self.gram[active.references]

    def _descend(self, start: np.ndarray, max_steps: int) -> "Active":
        x, state = start.astype(self.gram.dtype), np.sign(start).astype(np.int8)
        for _ in range(max_steps):
            active = self.on(state)
            target = np.zeros_like(x)
            target[active.references] = active.weights
            crosses = target * state < 0
            if crosses.any():
                # As far as the first weight that would change sign; it becomes inactive.
                ratio = np.full_like(x, np.inf)
                np.divide(x, x - target, out=ratio, where=crosses)
                step = min(float(ratio.min()), 1.0)
                stops = crosses & (ratio <= step)
                x = np.where(stops, 0, x + step * (target - x))
                state[stops] = 0
                continue
            x = target
            enters, signs = self._entering(active, state)
            if len(enters) == 0:
                return active
            steepest = np.abs(self._slope(active)[enters]).argmax()
            state[enters[steepest]] = signs[steepest]
        return self.on(np.sign(x).astype(np.int8))


@dataclass(frozen=True, eq=False)
class Active:
    """The active variables of a `Gram` problem.

    Parameters
    ----------
    references : (k,)
        Positions of the active variables.
    weights : (k,)
    factor : (k, k) or None
        Lower Cholesky factor of their block; None when there are none.
    """

    references: np.ndarray
    weights: np.ndarray
    factor: np.ndarray | None

    def correct(self, slope: np.ndarray) -> np.ndarray:
        """Return the Newton step for a float64 slope, (k,)."""
        if self.factor is None:
            return slope
        step, _ = _SOLVE[self.factor.dtype](self.factor, slope.astype(self.factor.dtype), lower=1)
        return step.astype(np.float64)


def is_uneven(diagonal: np.ndarray) -> bool:
    """Return whether a Gram matrix with this diagonal has columns of very different norm."""
    return bool(diagonal.min() < UNEVEN * diagonal.max())


def units_of(diagonal: np.ndarray) -> np.ndarray:
    """Return what columns must be multiplied with to be of like norm: powers of two, (w,)."""
    return np.exp2(-np.round(np.log2(np.maximum(diagonal, LEAST * diagonal.max())) / 2))
