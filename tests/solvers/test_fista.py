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
