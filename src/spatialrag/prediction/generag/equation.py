"""Eq. 1 of stacked blocks as the solver takes it: weights of the blocks, and penalties."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from spatialrag.errors import InputError, check_share
from spatialrag.retrieval.design import stack
from spatialrag.solvers.objective import penalties
from spatialrag.solvers.problem import Problem, smallest_vanishing_l1


@dataclass(frozen=True)
class Equation:
    """Weights and penalties of Eq. 1.

    Parameters
    ----------
    image_weight, strength, relative, ridge_share
        As in `spatialrag.prediction.generag.GeneRAG`.

    Raises
    ------
    InputError
        Shares outside [0, 1], a negative strength, a relative one of a ridge, or one from 1 on,
        at which every weight vanishes.
    """

    image_weight: float
    strength: float
    relative: bool
    ridge_share: float

    def __post_init__(self) -> None:
        for name in ("image_weight", "ridge_share"):
            check_share(getattr(self, name), name=name)
        if not (np.isfinite(self.strength) and self.strength >= 0):
            raise InputError("strength must be finite and not negative", got=str(self.strength))
        if self.relative and self.ridge_share == 1:
            raise InputError(
                "no strength makes the weights of a ridge vanish",
                expected="ridge_share below 1 for a relative strength",
                fix="pass relative=False and the strength itself",
            )
        if self.relative and self.strength >= 1:
            raise InputError(
                "a relative strength from 1 on leaves no reference to cite",
                expected="below 1, the share of the smallest strength at which all weights vanish",
                got=f"{self.strength:g}",
                fix="lower strength, or pass relative=False for the strength of Eq. 1 itself",
            )


def stacked(
    image: tuple[np.ndarray, np.ndarray] | None,
    anchors: tuple[np.ndarray, np.ndarray] | None,
    *,
    positive: bool,
) -> tuple[Problem, list[int | None]]:
    """Return the blocks below each other, without weights and penalties, and the rows of each.

    Parameters
    ----------
    image, anchors
        Rows of references (n, p) and of queries (n_queries, p) on the block's scale; None for a
        block that was not fitted.
    positive
        Whether weights must be non-negative.
    """
    given = [block for block in (image, anchors) if block is not None]
    design, targets = (stack([block[side] for block in given]) for side in (0, 1))
    unit = np.ones(len(targets))
    problem = Problem(design.T, np.ascontiguousarray(targets.T), unit, unit, positive)
    return problem, [None if block is None else block[0].shape[1] for block in (image, anchors)]


def weigh(problem: Problem, rows: Sequence[int | None], equation: Equation) -> Problem:
    """Return the problem with the blocks' weights and the penalties of Eq. 1.

    Parameters
    ----------
    problem
        Design and targets, the blocks below each other.
    rows
        Rows of the image block and of the anchor block; None for a block that was not fitted.
    equation
        What the blocks weigh, and how much weights cost.

    Raises
    ------
    InputError
        A block gets weight that was not fitted, because its weight was 0.
    """
    blocks, image_weight = [], equation.image_weight
    for count, weight in zip(rows, (image_weight, 1 - image_weight), strict=True):
        if count is not None:
            blocks.append((count, weight))
        elif weight > 0:
            raise InputError(
                f"image_weight {image_weight:g} needs a block that was not fitted",
                fix="fit with an image_weight strictly between 0 and 1",
            )
    problem = replace(problem, blocks=tuple(blocks))
    strengths = np.full(problem.n_queries, equation.strength)
    if equation.relative:
        peak = smallest_vanishing_l1(
            problem.design,
            problem.targets,
            positive=problem.positive,
            row_weights=problem.row_weights,
        )
        # Eq. 1's l1 is (1 - g) l / 2. Without any positive correlation all weights are 0 at
        # every strength: any positive number keeps the problem well-posed.
        strengths = equation.strength * np.where(peak > 0, peak, 1.0) * 2
        strengths /= 1 - equation.ridge_share
    l1, l2 = penalties(strengths, equation.ridge_share)
    return replace(problem, l1=l1, l2=l2)
