r"""Many queries solved together on one Gram matrix that all of them share.

Accelerated proximal steps (Beck & Teboulle, SIAM J. Imaging Sci. 2, 2009; restarted where they
overshoot, O'Donoghue & Candès, Found. Comput. Math. 15, 2015) in a metric of low rank plus
diagonal. The proximal step of ‖a‖₁ in such a metric is one piecewise linear equation in as many
unknowns as the metric has directions (Becker & Fadili, NIPS 2012), solved by Newton's method. All
of it is products of matrices over all queries; nothing is factored per query.

A step is computed as a change d of weights that are held fixed, from their slopes. Solved again
from slopes in float64, float32 steps so reach what float64 steps would.
"""

from dataclasses import dataclass, replace

import numpy as np

from spatialrag.solvers.working_set.metric import Metric

_STEPS = 80
_EVERY = 3  # steps between looks at the gaps
_NEWTON_STEPS = 8
_INNER = 0.1  # error of a proximal step, relative to the step
_MARGIN = 0.25  # of the tolerance: what is proven afterwards is computed in float64
_COMPACT = 0.75  # share of open queries below which the others leave the batch


@dataclass(frozen=True, eq=False)
class Batch:
    """n queries: minimise ½ d'(G + l2) d − tilt'd + l1 ‖base + d‖₁ over d.

    Parameters
    ----------
    tilt : (n, n_references)
        D'(b − D base) − l2 base, float32.
    base : (n, n_references)
        The weights that d is added to, float32.
    l1, l2 : (n, 1)
        float32; l2 > 0.
    objective : (n, 1)
        Primal value of ``base``.
    allowed : (n, n_references) bool, optional
        References each query may use; all when None.
    positive
        Whether weights must be non-negative.
    """

    tilt: np.ndarray
    base: np.ndarray
    l1: np.ndarray
    l2: np.ndarray
    objective: np.ndarray
    allowed: np.ndarray | None
    positive: bool

    def select(self, queries: np.ndarray) -> "Batch":
        """Return some of the queries."""
        return replace(
            self,
            tilt=self.tilt[queries],
            base=self.base[queries],
            l1=self.l1[queries],
            l2=self.l2[queries],
            objective=self.objective[queries],
            allowed=None if self.allowed is None else self.allowed[queries],
        )

    def shrink(self, change: np.ndarray, curvature: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the proximal point of l1 ‖base + ·‖₁ at ``change``, and where it has weight."""
        line = self.l1 / curvature
        if self.positive:
            shrunk = change - line
            np.maximum(shrunk, -self.base, out=shrunk)
            active = shrunk > -self.base
        else:
            weights = self.base + change
            weights -= np.clip(weights, -line, line)
            active = weights != 0
            shrunk = weights - self.base
        if self.allowed is not None:
            active &= self.allowed
            np.copyto(shrunk, 0, where=~self.allowed)
        return shrunk, active

    def is_solved(self, change: np.ndarray, product: np.ndarray, tol: float) -> np.ndarray:
        """Return whether gaps, computed in float32, are within the tolerance, (n,) bool.

        Reference by reference, the gap of the elastic net's own dual is e² / 2 l2 where the slope
        d'r exceeds l1, and a (e − l2 a / 2) elsewhere, with e = l1 + l2 a − d'r: nothing cancels.

        Parameters
        ----------
        change, product : (n, n_references)
            d and G d.
        """
        weights = self.base + change
        tilt = self.tilt - product - self.l2 * change  # d'r − l2 a
        if self.positive:
            size, error = weights, self.l1 - tilt
        else:
            sign = np.where(weights == 0, np.sign(tilt), np.sign(weights))
            size, error = np.abs(weights), self.l1 - sign * tilt
        pull = self.l2 * size
        over = error < pull
        gap = np.where(over, error * error / (2 * self.l2), size * (error - 0.5 * pull))
        if self.allowed is not None:
            gap *= self.allowed
        moved = change * (0.5 * (product + self.l2 * change) - self.tilt)
        moved += self.l1 * (size - np.abs(self.base))
        primal = self.objective + moved.sum(axis=1, keepdims=True)
        return gap.sum(axis=1) <= _MARGIN * tol * primal[:, 0]


def solve_together(
    gram: np.ndarray, metric: Metric, batch: Batch, start: np.ndarray, tol: float
) -> np.ndarray:
    """Return d of every query, (n, n_references) float32; after `_STEPS` steps what is there.

    Parameters
    ----------
    gram : (n_references, n_references)
        G, float32.
    metric
        Metric of the batch, from `shared_metric`.
    start : (n, n_references)
        A first d, float32.
    tol
        Relative duality gap to be reached.
    """
    result, open_ = np.empty_like(start), np.arange(len(start))
    change, product = start, start @ gram
    ahead, ahead_product = change, product
    momentum = np.ones((len(start), 1), start.dtype)
    for step in range(1, _STEPS + 1):
        slope = batch.tilt - ahead_product - batch.l2 * ahead
        new = _proximal_step(metric, batch, ahead, slope)
        overshoots = np.einsum("ij,ij->i", ahead - new, new - change) > 0
        momentum[overshoots] = 1
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        factor = (momentum - 1) / following
        new_product = new @ gram
        ahead = new + factor * (new - change)
        ahead_product = new_product + factor * (new_product - product)
        change, product, momentum = new, new_product, following
        if step % _EVERY:
            continue
        left = ~batch.is_solved(change, product, tol)
        if not left.any():
            break
        if left.mean() <= _COMPACT:
            result[open_] = change
            open_, batch = open_[left], batch.select(left)
            change, product, ahead, ahead_product, momentum = (
                part[left] for part in (change, product, ahead, ahead_product, momentum)
            )
    result[open_] = change
    return result


def _proximal_step(
    metric: Metric, batch: Batch, ahead: np.ndarray, slope: np.ndarray
) -> np.ndarray:
    """Return the minimiser over d of ½ ‖d − ahead‖²_M − slope'(d − ahead) + l1 ‖base + d‖₁.

    M is the metric plus l2. With u = F (d − ahead) known, references part and d follows from a
    shrinkage; Newton's method finds u, (n, rank).
    """
    factors, curvature = metric.factors, (metric.rest + batch.l2).astype(slope.dtype)
    plain = ahead + slope / curvature
    identity = np.eye(len(factors), dtype=slope.dtype)
    along = np.zeros((len(plain), len(factors)), slope.dtype)
    for _ in range(_NEWTON_STEPS):
        new, active = batch.shrink(plain - (along @ factors) / curvature, curvature)
        error = along - (new - ahead) @ factors.T
        if (np.abs(error).max(axis=1) <= _INNER * np.abs(along).max(axis=1)).all():
            break
        bend = metric.curvatures(active.astype(slope.dtype)) / curvature[:, :, None] + identity
        along -= np.linalg.solve(bend, error[:, :, None])[:, :, 0]
    return new
