import numpy as np
import pytest
from sklearn.linear_model import Ridge

from spatialrag.solvers.problem import Problem
from spatialrag.solvers.ridge import solve_ridge


def test_agrees_with_scikit_learn_for_every_mask_and_strength(rng):
    design, targets = rng.normal(size=(30, 80)), rng.normal(size=(30, 4))
    groups, banned = np.repeat(np.arange(4), 20), np.array([[-1, -1], [0, -1], [2, 0], [0, 2]])
    l2 = np.array([1.0, 2.0, 3.0, 4.0])
    weights = np.repeat([0.5, 2.0], 15)
    problem = Problem(
        design,
        targets,
        0.0,
        l2,
        positive=False,
        banned=banned,
        groups=groups,
        blocks=((15, 0.5), (15, 2.0)),
    )
    ours = solve_ridge(problem, tol=1e-9).require_converged().weights.toarray()
    for query in range(4):
        kept = ~np.isin(groups, banned[query])
        model = Ridge(alpha=l2[query], fit_intercept=False)
        model.fit(design[:, kept], targets[:, query], sample_weight=weights)
        np.testing.assert_allclose(ours[query, kept], model.coef_, atol=1e-8)
        assert (ours[query, ~kept] == 0).all()


def test_duplicate_references_share_evenly(rng):
    design = rng.normal(size=(6, 4))
    design[:, 3] = design[:, 0]
    problem = Problem(design, rng.normal(size=(6, 1)), 0.0, 1.0, positive=False)
    weights = solve_ridge(problem, tol=1e-9).weights.toarray()[0]
    assert weights[0] == pytest.approx(weights[3])


def test_single_references_left_out_beside_groups(rng):
    design, targets = rng.normal(size=(20, 12)), rng.normal(size=(20, 3))
    groups, banned = np.repeat([0, 1, 2], 4), np.array([0, 0, -1])
    problem = Problem(design, targets, 0.0, 0.5, positive=False, banned=banned, groups=groups)
    ours = solve_ridge(problem.select([0, 1, 2], without=[5, -1, 5]), tol=1e-9).weights.toarray()
    for query, kept in enumerate(
        ([4, 6, 7, 8, 9, 10, 11], range(4, 12), [*range(5), *range(6, 12)])
    ):
        kept = list(kept)
        model = Ridge(alpha=0.5, fit_intercept=False).fit(design[:, kept], targets[:, query])
        expected = np.zeros(12)
        expected[kept] = model.coef_
        np.testing.assert_allclose(ours[query], expected, atol=1e-8)
