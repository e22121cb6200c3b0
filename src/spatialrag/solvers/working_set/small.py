"""One query's problem on its working set: a Gram matrix that grows, and an exact answer."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from spatialrag.solvers.designs import Design
from spatialrag.solvers.precision import LEAST_L2, gram_fits, subtract_exactly, target_fits
from spatialrag.solvers.working_set.pivoting import (
    Active,
    Gram,
    NotPositiveDefiniteError,
    is_uneven,
    units_of,
)

# Least curvature, relative to the largest diagonal entry, that a precision can factor as a rule.
_CURVATURE = {np.dtype(np.float32): 1e-4, np.dtype(np.float64): 1e-8}
_SHARPER = 5  # times that float64's may be divided by 10 where the gap stops shrinking


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
        """Weight of each row's squared error; 1.0 where none differs. Not to be written to."""
        return _row_weights(self.blocks)


@lru_cache(maxsize=8)
def _row_weights(blocks: tuple[tuple[int, float], ...]) -> np.ndarray | float:
    """Return the weight of each row, one array for all queries: it is asked for in every solve."""
    if len(blocks) == 1:
        return blocks[0][1]
    return np.repeat([weight for _, weight in blocks], [rows for rows, _ in blocks])


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
        b − D a, float64, or a dual point finer than weights can make it (`_move_dual`).
    objective
        Primal value.
    """

    members: np.ndarray
    weights: np.ndarray
    objective: float

    def __init__(self, target: np.ndarray, terms: Terms) -> None:
        """Start with an empty working set."""
        self.target = target.astype(np.float64)
        self.active = np.empty(0, np.int64)
        self.slope = np.empty(0)
        self.residual = self.target
        self._delicate = False  # whether rounding of the residual may matter
        self.terms = terms
        self._sum_up(np.empty(0))
        fits = target_fits(float(np.abs(self.target).max()))
        self._dtype = np.dtype(np.float32 if fits else np.float64)
        self._curvature, self._sharper = dict(_CURVATURE), _SHARPER
        self._clear()

    @property
    def cited(self) -> np.ndarray:
        """References with weight, (k,)."""
        return self.members[self.active]

    @property
    def refined(self) -> bool:
        """Whether the Gram matrix is in float64."""
        return self._dtype == np.float64

    @property
    def sharpened(self) -> bool:
        """Whether `sharpen` was called."""
        return self._sharper < _SHARPER

    def sharpen(self) -> bool:
        """Take longer proximal steps from now on; return False at the end of what is possible."""
        if self._sharper == 0:
            return False
        self._sharper -= 1
        self._delicate = True
        self._curvature[np.dtype(np.float64)] /= 10
        return True

    def extend(self, design: Design, references: np.ndarray) -> None:
        """Add references that are not members."""
        with np.errstate(over="ignore", invalid="ignore"):  # `solve` sees what does not fit
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
        Columns of very different norm get it in units of their own, or the short ones would
        hardly move.
        """
        terms = self.terms
        if len(self.members) == 0:
            return self.place(design, self.weights)
        with np.errstate(over="ignore", invalid="ignore"):  # see `extend`
            gram, linear = self._weighted(self._grams), self._weighted(self._linear)
        peak = float(gram.diagonal().max(initial=0.0))
        least = self._curvature[self._dtype] * peak
        fits = terms.l2 >= least and gram_fits(peak, terms.l1, terms.l2)
        if not fits and self.refine(design):
            return self.solve(design)
        l1: float | np.ndarray = terms.l1
        l2: float | np.ndarray = terms.l2
        unit: float | np.ndarray = 1.0
        proximal: float | np.ndarray = max(least - terms.l2, 0.0)
        if terms.l2 < least and is_uneven(gram.diagonal()):
            unit = units_of(gram.diagonal())
            gram, linear = gram * unit * unit[:, None], linear * unit
            l1, l2 = l1 * unit, l2 * unit**2
            proximal = np.maximum(self._curvature[self._dtype] * gram.diagonal().max() - l2, 0.0)
            self._delicate = True
        start = self.weights / unit
        linear = linear + (proximal * start).astype(self._dtype)
        problem = Gram(gram, linear, l2 + proximal, l1, terms.positive)
        try:
            active = problem.solve(start)
        except NotPositiveDefiniteError:
            if not self.refine(design):
                self._curvature[self._dtype] *= 100
            return self.solve(design)
        return self._settle(design, active, proximal / unit**2, unit)

    def place(self, design: Design, weights: np.ndarray) -> None:
        """Set the members' weights, (w,), and all that follows from them."""
        active = np.flatnonzero(weights)
        rows = design.take(self.members[active]).astype(np.float64, copy=False)
        self._place(rows, active, weights[active])

    def _settle(
        self,
        design: Design,
        found: Active,
        proximal: float | np.ndarray,
        unit: float | np.ndarray,
    ) -> None:
        """Correct the answer to float64 by one Newton step on the active block.

        ``found`` is in units of all members or of each, (w,); ``proximal`` is not.
        """
        terms, active = self.terms, found.references
        if isinstance(unit, np.ndarray):
            proximal, unit = np.asarray(proximal)[active], unit[active]
        rows = design.take(self.members[active]).astype(np.float64, copy=False)
        own, sign = found.weights.astype(np.float64) * unit, np.sign(found.weights)
        residual = self._residual_of(rows, own)
        slope = rows @ (terms.row_weights * residual) - terms.l2 * own - terms.l1 * sign
        own += unit * found.correct(unit * (slope - proximal * (own - self.weights[active])))
        keep = own * sign > 0
        if not keep.all():
            return self._place(rows[keep], active[keep], own[keep])
        self._place(rows, active, own)
        if self.sharpened and isinstance(unit, np.ndarray):
            slope = self.slope - terms.l2 * own - terms.l1 * sign
            self._move_dual(rows, own, unit * found.correct(unit * slope))
        return None

    def _move_dual(self, rows: np.ndarray, own: np.ndarray, step: np.ndarray) -> None:
        """Let the residual be that of a step which is too short for the weights' digits.

        The last digit of a weight on a long column may move the residual by more than l1 allows.
        Any vector is a dual point; the primal value stays that of the weights.
        """
        primal = self.objective
        self.residual = self.residual - step @ rows
        self.slope = rows @ (self.terms.row_weights * self.residual)
        self._sum_up(own)
        self.objective = primal

    def _place(self, rows: np.ndarray, active: np.ndarray, own: np.ndarray) -> None:
        residual = self._residual_of(rows, own)
        self.adopt(active, own, residual, rows @ (self.terms.row_weights * residual))

    def _residual_of(self, rows: np.ndarray, own: np.ndarray) -> np.ndarray:
        if self._delicate:
            return subtract_exactly(self.target, rows, own)
        return self.target - own @ rows

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
        if not math.isfinite(self.objective + self._own_peak + peak):
            return np.inf
        peak = max(peak, self._own_peak)
        scale = l1 / peak if peak > l1 else 1.0
        dual = scale * self._product - 0.5 * scale**2 * (self._squares + l2 * self._own_squares)
        if l2 > LEAST_L2:
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
        """Return the weighted sum of what each block has; not to be written to."""
        (_, first), *others = self.terms.blocks
        total = parts[0] if first == 1 else first * parts[0]
        for (_, weight), part in zip(others, parts[1:], strict=True):
            total = total + weight * part
        return total

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
