from dataclasses import replace

import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.prediction.generag.equation import Equation, stacked, weigh
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.reference import CoordinateDescent

EQUATION = Equation(image_weight=0.3, strength=0.2, relative=False, ridge_share=0.25)


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    design, targets = rng.normal(size=(12, 8)), rng.normal(size=(12, 3))
    return Problem(design.astype(np.float32), targets.astype(np.float32), 1.0, 1.0, positive=False)


def test_the_solution_is_stationary_in_eq_1(problem):
    """w ‖f − D_img a‖² + (1−w) ‖y − D_anchor a‖² + g l ‖a‖² + (1−g) l ‖a‖₁, its subgradient."""
    stated = weigh(problem, [5, 7], EQUATION)
    a = CoordinateDescent().solve(stated).weights.toarray()
    design, targets = problem.design.astype(float), problem.targets.astype(float)
    w = np.repeat([0.3, 0.7], [5, 7])[:, None]
    gradient = -2 * design.T @ (w * (targets - design @ a.T)) + 2 * 0.25 * 0.2 * a.T
    active = np.abs(a.T) > 1e-9
    assert active.any()
    np.testing.assert_allclose(gradient[active], -0.75 * 0.2 * np.sign(a.T[active]), atol=1e-3)
    assert (np.abs(gradient[~active]) <= 0.75 * 0.2 + 1e-3).all()


def test_a_relative_strength_short_of_one_keeps_weights(problem):
    """And where l1 reaches what a strength of 1 stands for, they vanish."""
    relative = weigh(problem, [5, 7], replace(EQUATION, relative=True, strength=0.9))
    weights = CoordinateDescent().solve(relative).weights.toarray()
    assert (np.abs(weights).max(axis=1) > 1e-6).all()
    vanishing = replace(relative, l1=relative.l1 / 0.9)
    weights = CoordinateDescent().solve(vanishing).weights.toarray()
    assert (np.abs(weights) <= 1e-6).all()


def test_a_relative_strength_from_one_on_is_refused():
    for strength in (1.0, 10.0, 1e308):
        with pytest.raises(InputError, match="leaves no reference to cite"):
            replace(EQUATION, relative=True, strength=strength)


def test_a_block_that_was_not_fitted(problem):
    with pytest.raises(InputError, match="needs a block that was not fitted"):
        weigh(problem, [None, 12], EQUATION)


def test_blocks_are_stacked_and_their_rows_told():
    rng = np.random.default_rng(1)
    image = rng.random((6, 2), np.float32), rng.random((3, 2), np.float32)
    anchors = rng.random((6, 4), np.float32), rng.random((3, 4), np.float32)
    both, rows = stacked(image, anchors, positive=True)
    assert rows == [2, 4]
    np.testing.assert_array_equal(both.design, np.hstack([image[0], anchors[0]]).T)
    np.testing.assert_array_equal(both.targets, np.hstack([image[1], anchors[1]]).T)
    alone, rows = stacked(None, anchors, positive=False)
    assert rows == [None, 4]
    assert not alone.positive
    np.testing.assert_array_equal(alone.targets, anchors[1].T)
