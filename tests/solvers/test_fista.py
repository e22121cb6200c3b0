import numpy as np
import pytest

from spatialrag.solvers.fista import Fista
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.reference import CoordinateDescent


@pytest.mark.parametrize("positive", [True, False])
def test_agrees_with_the_slow_reference(rng, positive):
    design, targets = rng.normal(size=(30, 50)), rng.normal(size=(30, 3))
    problem = Problem(
        design,
        targets,
        2.0,
        1.0,
        positive,
        banned=np.array([3, -1, 0]),
        blocks=((10, 0.4), (20, 1)),
    )
    ours = Fista(max_iter=3000, step_tol=0, tol=1e-4).solve(problem).require_converged()
    slow = CoordinateDescent(tol=1e-10).solve(problem)
    np.testing.assert_allclose(ours.weights.toarray(), slow.weights.toarray(), atol=1e-4)


def test_stops_on_the_step_and_says_that_this_proves_nothing(rng):
    problem = Problem(rng.normal(size=(30, 50)), rng.normal(size=(30, 2)), 0.5, 0.1)
    solution = Fista(step_tol=0.5).solve(problem)
    assert (solution.rounds == 25).all()
    assert not solution.converged.any()


def test_stops_on_the_size_of_weights_of_either_sign():
    """All weights are negative: their largest is none of them."""
    design = np.eye(5)
    problem = Problem(design, np.full((5, 1), -1.0), 0.1, 0.1, positive=False)
    solution = Fista(max_iter=500, step_tol=1e-4).solve(problem)
    assert solution.rounds[0] < 500
    np.testing.assert_allclose(solution.weights.toarray(), np.full((1, 5), -0.9 / 1.1), atol=1e-4)


@pytest.mark.parametrize("l2", [0.0, 1.0])
def test_a_design_of_zeros_has_no_weights(l2):
    solution = Fista().solve(Problem(np.zeros((4, 6)), np.ones((4, 2)), 0.1, l2))
    assert solution.weights.nnz == 0
    assert solution.converged.all()
    np.testing.assert_array_equal(solution.objective, [2.0, 2.0])


@pytest.mark.parametrize("scale", [1e-30, 1e18, 1e30])
def test_agrees_with_the_slow_reference_at_any_scale_of_float32(rng, scale):
    design = (scale * rng.normal(size=(20, 30))).astype(np.float32)
    targets = 1e35 * rng.normal(size=(20, 2))
    problem = Problem(design, targets, 3 * scale * 1e35, scale**2)
    ours = Fista(max_iter=3000, step_tol=0, tol=1e-4).solve(problem).require_converged()
    slow = CoordinateDescent(tol=1e-10).solve(problem)
    np.testing.assert_allclose(
        ours.weights.toarray(), slow.weights.toarray(), atol=1e-4 * slow.weights.max()
    )
