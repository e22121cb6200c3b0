import numpy as np
import pytest
from sklearn.linear_model import ElasticNet

from spatialrag.solvers.objective import from_sklearn
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.reference import CoordinateDescent
from spatialrag.solvers.solution import Status


@pytest.mark.parametrize("positive", [True, False])
def test_agrees_with_scikit_learn(rng, positive):
    design, targets = rng.normal(size=(25, 15)), rng.normal(size=(25, 3))
    converted = from_sklearn(alpha=0.03, l1_ratio=0.7, m=25)
    problem = Problem(design, targets, converted["l1"], converted["l2"], positive)
    ours = CoordinateDescent(tol=1e-15).solve(problem)
    model = ElasticNet(
        alpha=0.03, l1_ratio=0.7, fit_intercept=False, positive=positive, tol=1e-14, max_iter=10**6
    )
    theirs = np.stack([model.fit(design, t).coef_ for t in targets.T])
    np.testing.assert_allclose(ours.weights.toarray(), theirs, atol=1e-8)


def test_stopping_early_is_said(rng):
    problem = Problem(rng.normal(size=(10, 20)), rng.normal(size=(10, 1)), 1e-4, 0.0)
    solution = CoordinateDescent(tol=1e-14, max_sweeps=1).solve(problem)
    assert solution.status[0] == Status.ROUNDS
