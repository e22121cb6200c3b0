"""One query's problem on its working set: a Gram matrix that grows, and an exact answer."""

from dataclasses import dataclass

import numpy as np

from spatialrag.solvers.designs import Design
from spatialrag.solvers.pivoting import Active, Gram, NotPositiveDefiniteError

# Least curvature, relative to the largest diagonal entry, that a precision can factor.
_CURVATURE = {np.dtype(np.float32): 1e-4, np.dtype(np.float64): 1e-8}


@dataclass(frozen=True)
class Terms:
    """What one query minimises besides its squared error.

    Parameters
    ----------
    l1, l2
        Penalties.
    positive
        Whether weights must be non-negative.
    blocks
        (rows, weight) of each block of the design.
    """

    l1: float
    l2: float
    positive: bool
    blocks: tuple[tuple[int, float], ...]

    @property
    def row_weights(self) -> np.ndarray | float:
        """Weight of each row's squared error; 1.0 where none differs."""
        if len(self.blocks) == 1:
            return self.blocks[0][1]
        return np.repeat([weight for _, weight in self.blocks], [rows for rows, _ in self.blocks])


class SmallProblem:
    """One query on its working set.

    The Gram matrix is kept per block of the design, so that other block weights need no new
    products. It is float32 where the ridge term keeps that well-posed; the answer is corrected to
    float64 either way.

    Attributes
    ----------
    members : (w,)
        References of the working set, in the order they came.
    weights : (w,)
        float64.
    active : (k,)
        Positions of the members with weight.
    slope : (k,)
        d'r of the active members, float64.
    residual : (m,)
        b − D a, float64.
    objective
        Primal value.
    """

    def __init__(self, target: np.ndarray, terms: Terms) -> None:
        """Start with an empty working set."""
        self.target = target.astype(np.float64)
        self.active = np.empty(0, np.int64)
        self.slope = np.empty(0)
        self.residual = self.target
        self.terms = terms
        self._sum_up(np.empty(0))
        self._dtype = np.dtype(np.float32)
        self._curvature = dict(_CURVATURE)
        self._clear()

    @property
    def cited(self) -> np.ndarray:
        """References with weight, (k,)."""
        return self.members[self.active]

    @property
    def refined(self) -> bool:
        """Whether the Gram matrix is in float64."""
        return self._dtype == np.float64

    def extend(self, design: Design, references: np.ndarray) -> None:
        """Add references that are not members."""
        rows = design.take(references).astype(self._dtype, copy=False)
        old = design.take(self.members).astype(self._dtype, copy=False)
        target = self.target.astype(self._dtype)
        start = 0
        for i, (height, _) in enumerate(self.terms.blocks):
            span = slice(start, start + height)
            part = rows[:, span]
            self._grams[i] = _bordered(self._grams[i], old[:, span] @ part.T, part @ part.T)
            self._linear[i] = np.concatenate([self._linear[i], part @ target[span]])
            start += height
        self.enlist(references)

    def enlist(self, references: np.ndarray) -> None:
        """Add members without their products, for a solver that keeps its own."""
        self.members = np.concatenate([self.members, references])
        self.weights = np.concatenate([self.weights, np.zeros(len(references))])

    def refine(self, design: Design) -> bool:
        """Go on in float64; return False when this was so already."""
        if self.refined:
            return False
        members, weights = self.members, self.weights
        self._dtype = np.dtype(np.float64)
        self._clear()
        self.extend(design, members)
        self.weights = weights
        return True

    def solve(self, design: Design) -> None:
        """Minimise over the members.

        Where l2 is (nearly) 0 the active block may be singular, so a proximal term
        ½ p ‖a − a_previous‖² is added: it vanishes as rounds repeat and does not move the optimum.
        """
        terms = self.terms
        if len(self.members) == 0:
            return self.place(design, self.weights)
        gram, linear = self._weighted(self._grams), self._weighted(self._linear)
        least = self._curvature[self._dtype] * float(gram.diagonal().max(initial=0.0))
        if terms.l2 < least and self.refine(design):
            return self.solve(design)
        proximal = max(least - terms.l2, 0.0)
        linear = linear + (proximal * self.weights).astype(self._dtype)
        problem = Gram(gram, linear, terms.l2 + proximal, terms.l1, terms.positive)
        try:
            active = problem.solve(self.weights)
        except NotPositiveDefiniteError:
            if not self.refine(design):
                self._curvature[self._dtype] *= 100
            return self.solve(design)
        return self._settle(design, active, proximal)

    def place(self, design: Design, weights: np.ndarray) -> None:
        """Set the members' weights, (w,), and all that follows from them."""
        active = np.flatnonzero(weights)
        rows = design.take(self.members[active]).astype(np.float64, copy=False)
        self._place(rows, active, weights[active])

    def _settle(self, design: Design, found: Active, proximal: float) -> None:
        """Correct the answer to float64 by one Newton step on the active block."""
        terms, active = self.terms, found.references
        rows = design.take(self.members[active]).astype(np.float64, copy=False)
        own, sign = found.weights.astype(np.float64), np.sign(found.weights)
        residual = self.target - own @ rows
        slope = rows @ (terms.row_weights * residual) - terms.l2 * own - terms.l1 * sign
        own += found.correct(slope - proximal * (own - self.weights[active]))
        keep = own * sign > 0
        if not keep.all():
            rows, active, own = rows[keep], active[keep], own[keep]
        self._place(rows, active, own)

    def _place(self, rows: np.ndarray, active: np.ndarray, own: np.ndarray) -> None:
        residual = self.target - own @ rows
        self.adopt(active, own, residual, rows @ (self.terms.row_weights * residual))

    def adopt(
        self, active: np.ndarray, own: np.ndarray, residual: np.ndarray, slope: np.ndarray
    ) -> None:
        """Take an answer: positions, weights, b − D a and D'r of the active members."""
        self.active, self.weights = active, np.zeros(len(self.members))
        self.weights[active] = own
        self.residual, self.slope = residual, slope
        self._sum_up(own)

    def gap(self, excess: float, peak: float) -> float:
        """Return the duality gap, as `spatialrag.solvers.objective.primal_and_gap` does.

        Parameters
        ----------
        excess, peak
            Σ (|d_i'r| − l1)₊² and largest |d_i'r| over the references without weight.
        """
        l1, l2 = self.terms.l1, self.terms.l2
        peak = max(peak, self._own_peak)
        scale = l1 / peak if peak > l1 else 1.0
        dual = scale * self._product - 0.5 * scale**2 * (self._squares + l2 * self._own_squares)
        if l2 > 1e-200:  # a smaller l2 would overflow to the same infinite penalty
            penalty = (excess + self._own_excess) / (2 * l2)
            dual = max(dual, self._product - 0.5 * self._squares - penalty)
        return max(self.objective - min(dual, 0.5 * self._target_squares), 0.0)

    def _sum_up(self, own: np.ndarray) -> None:
        """Compute the primal value and what `gap` needs of the weights, (k,), and residual."""
        l1, l2, rows = self.terms.l1, self.terms.l2, self.terms.row_weights
        weighted = rows * self.residual
        self._squares = float(weighted @ self.residual)
        self._product = float(weighted @ self.target)
        self._target_squares = float((rows * self.target) @ self.target)
        self._own_squares = float(own @ own)
        tilt = self.slope - l2 * own
        size, tilt = (
            (self.slope, tilt) if self.terms.positive else (np.abs(self.slope), np.abs(tilt))
        )
        self._own_peak = float(tilt.max(initial=0.0))
        over = np.maximum(size - l1, 0)
        self._own_excess = float(over @ over)
        self.objective = (
            0.5 * self._squares + 0.5 * l2 * self._own_squares + l1 * float(np.abs(own).sum())
        )

    def _weighted(self, parts: list[np.ndarray]) -> np.ndarray:
        weights = [weight for _, weight in self.terms.blocks]
        return sum(weight * part for weight, part in zip(weights, parts, strict=True))

    def _clear(self) -> None:
        self.members, self.weights = np.empty(0, np.int64), np.empty(0)
        self._grams = [np.empty((0, 0), self._dtype) for _ in self.terms.blocks]
        self._linear = [np.empty(0, self._dtype) for _ in self.terms.blocks]


def _bordered(old: np.ndarray, cross: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return [[old, cross], [cross', new]]."""
    w = len(old)
    result = np.empty((w + len(new),) * 2, old.dtype)
    result[:w, :w], result[:w, w:], result[w:, :w], result[w:, w:] = old, cross, cross.T, new
    return result
