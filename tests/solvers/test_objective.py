import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import ElasticNet

from spatialrag.solvers.objective import (
    certify,
    correlate,
    from_sklearn,
    penalties,
    primal_and_gap,
    residuals,
)
from spatialrag.solvers.problem import Problem


def primal_of(problem, weights):
    queries = np.arange(problem.n_queries)
    weights = sparse.csr_matrix(weights)
    residual = residuals(problem, weights, queries)
    return primal_and_gap(problem, weights, residual, correlate(problem, residual), queries)


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("l2", [0.0, 0.7])
def test_primal_by_hand_and_gap_bounds_it(rng, positive, l2):
    design, targets = rng.normal(size=(12, 9)), rng.normal(size=(12, 3))
    problem = Problem(design, targets, 0.4, l2, positive)
    weights = np.abs(rng.normal(size=(3, 9)))
    primal, gap = primal_of(problem, weights)
    by_hand = [
        0.5 * np.sum((targets[:, q] - design @ weights[q]) ** 2)
        + 0.5 * l2 * np.sum(weights[q] ** 2)
        + 0.4 * np.abs(weights[q]).sum()
        for q in range(3)
    ]
    np.testing.assert_allclose(primal, by_hand)
    better, _ = primal_of(problem, 0.5 * weights)
    assert (gap >= primal - better - 1e-12).all()
    assert (gap >= 0).all()


def test_gap_vanishes_at_scikit_learns_solution(rng):
    design, target = rng.normal(size=(30, 50)), rng.normal(size=30)
    settings = from_sklearn(alpha=0.05, l1_ratio=0.6, m=30)
    model = ElasticNet(alpha=0.05, l1_ratio=0.6, fit_intercept=False, tol=1e-14, max_iter=100_000)
    weights = model.fit(design, target).coef_
    problem = Problem(design, target[:, None], settings["l1"], settings["l2"], positive=False)
    primal, gap = primal_of(problem, weights[None])
    assert gap[0] < 1e-10 * primal[0]


def test_conversion_agrees_with_eq_1():
    converted = from_sklearn(alpha=0.01, l1_ratio=0.9, m=1224)
    assert converted["strength"] == pytest.approx(23.256)
    assert converted["ridge_share"] == pytest.approx(0.1 / 1.9)
    l1, l2 = penalties(converted["strength"], converted["ridge_share"])
    assert l1 == pytest.approx(converted["l1"])
    assert l2 == pytest.approx(converted["l2"])


def test_certify_leaves_out_what_is_banned(rng):
    design, targets = rng.normal(size=(12, 9)), rng.normal(size=(12, 2))
    weights, passes = sparse.csr_matrix((2, 9)), np.zeros(2, int)
    peak = (design.T @ targets).max(axis=0)
    best = (design.T @ targets).argmax(axis=0)
    strong = Problem(design, targets, 0.99 * peak, 0.1, banned=best)
    assert (
        certify(strong, weights, 1e-9, passes).gap.max()
        < certify(Problem(design, targets, 0.99 * peak, 0.1), weights, 1e-9, passes).gap.min()
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_certified_as_nothing(rng, value):
    design, targets = np.zeros((5, 4)), np.ones((5, 1))
    weights = sparse.csr_matrix(np.array([[value, 0.0, 0.0, 1.0]]))
    for l2 in (0.0, 1.0):
        with np.errstate(invalid="ignore"):
            found = certify(Problem(design, targets, 0.1, l2), weights, 1e-6, np.zeros(1, int))
        assert not found.converged.any()
        assert found.gap == np.inf
        assert found.relative_gap == np.inf
