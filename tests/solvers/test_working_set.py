from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sklearn.linear_model import ElasticNet, Ridge
from threadpoolctl import threadpool_limits

from spatialrag.errors import InputError
from spatialrag.solvers.objective import from_sklearn
from spatialrag.solvers.problem import Problem, smallest_vanishing_l1
from spatialrag.solvers.reference import CoordinateDescent
from spatialrag.solvers.solution import Status
from spatialrag.solvers.working_set import WorkingSet

EXACT = WorkingSet(tol=1e-12)


@pytest.fixture(autouse=True)
def on_each_device(kernels, monkeypatch):
    monkeypatch.setattr("spatialrag.solvers.working_set.kernels_for", lambda device: kernels)


def scikit_learn(design, targets, alpha, l1_ratio, positive):
    model = ElasticNet(
        alpha=alpha,
        l1_ratio=l1_ratio,
        fit_intercept=False,
        positive=positive,
        tol=1e-14,
        max_iter=10**6,
    )
    return np.stack([model.fit(design, target).coef_ for target in targets.T])


def cases(rng):
    wide = rng.normal(size=(40, 300))
    correlated = rng.normal(size=(40, 5)) @ rng.normal(size=(5, 120)) + 0.1 * rng.normal(
        size=(40, 120)
    )
    zero_column = wide.copy()
    zero_column[:, 3] = 0
    return {
        "wide": wide,
        "tall": rng.normal(size=(200, 30)),
        "correlated": correlated,
        "non_negative": np.abs(rng.normal(size=(60, 150))),
        "zero_column": zero_column,
        "one_column": rng.normal(size=(20, 1)),
    }


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("name", list(cases(np.random.default_rng(0))))
@pytest.mark.parametrize(("alpha", "l1_ratio"), [(0.05, 0.9), (0.2, 0.3), (0.02, 1.0)])
def test_agrees_with_scikit_learn(rng, name, positive, alpha, l1_ratio):
    design = cases(rng)[name]
    targets = rng.normal(size=(len(design), 4)) + design[:, :1]
    converted = from_sklearn(alpha=alpha, l1_ratio=l1_ratio, m=len(design))
    problem = Problem(design, targets, converted["l1"], converted["l2"], positive)
    ours = EXACT.solve(problem).require_converged()
    theirs = scikit_learn(design, targets, alpha, l1_ratio, positive)
    np.testing.assert_allclose(ours.weights.toarray(), theirs, atol=2e-6)


def test_agrees_with_ridge(rng):
    design, targets = rng.normal(size=(30, 80)), rng.normal(size=(30, 3))
    ours = EXACT.solve(Problem(design, targets, 0.0, 2.0, positive=False)).require_converged()
    theirs = Ridge(alpha=2.0, fit_intercept=False).fit(design, targets).coef_
    np.testing.assert_allclose(ours.weights.toarray(), theirs, atol=1e-9)


@pytest.mark.parametrize("positive", [True, False])
def test_strength_above_the_maximum_gives_nothing(rng, positive):
    design, targets = rng.normal(size=(15, 40)), rng.normal(size=(15, 5))
    peak = smallest_vanishing_l1(design, targets, positive=positive)
    assert EXACT.solve(Problem(design, targets, peak * 1.0001, 0.1, positive)).weights.nnz == 0
    below = EXACT.solve(Problem(design, targets, peak * 0.99, 0.1, positive))
    assert (np.diff(below.weights.indptr)[peak > 0] > 0).all()


def test_duplicate_references_share_and_duplicate_queries_agree(rng):
    design = np.abs(rng.normal(size=(20, 10)))
    design = np.concatenate([design, design[:, :1]], axis=1)
    target = design[:, 0] + 0.1
    weights = EXACT.solve(Problem(design, np.column_stack([target, target]), 0.1, 0.2)).weights
    weights = weights.toarray()
    np.testing.assert_allclose(weights[:, 0], weights[:, 10], rtol=1e-6)
    np.testing.assert_array_equal(weights[0], weights[1])


def test_banned_reference_is_as_good_as_absent(rng):
    design, targets = np.abs(rng.normal(size=(20, 30))), np.abs(rng.normal(size=(20, 3)))
    banned = np.array([4, -1, 7])
    ours = EXACT.solve(Problem(design, targets, 0.3, 0.1, banned=banned)).require_converged()
    slow = CoordinateDescent(tol=1e-13).solve(Problem(design, targets, 0.3, 0.1, banned=banned))
    np.testing.assert_allclose(ours.weights.toarray(), slow.weights.toarray(), atol=1e-6)
    for query, reference in enumerate(banned):
        kept = np.delete(np.arange(30), reference) if reference >= 0 else np.arange(30)
        alone = EXACT.solve(Problem(design[:, kept], targets[:, [query]], 0.3, 0.1))
        np.testing.assert_allclose(
            ours.weights[query].toarray().ravel()[kept], alone.weights.toarray().ravel(), atol=1e-8
        )


def test_excluded_groups_are_as_good_as_absent(rng):
    design, targets = np.abs(rng.normal(size=(20, 40))), np.abs(rng.normal(size=(20, 3)))
    groups, banned = np.repeat(np.arange(4), 10), np.array([[0, -1], [1, 3], [-1, -1]])
    for positive in (True, False):
        problem = Problem(design, targets, 0.3, 0.1, positive, banned=banned, groups=groups)
        ours = EXACT.solve(problem).require_converged().weights.toarray()
        for query in range(3):
            kept = ~np.isin(groups, banned[query])
            one = Problem(design[:, kept], targets[:, [query]], 0.3, 0.1, positive)
            alone = EXACT.solve(one).weights.toarray()[0]
            np.testing.assert_allclose(ours[query, kept], alone, atol=1e-7)
            assert (ours[query, ~kept] == 0).all()


@given(
    seed=st.integers(0, 10**6), l1=st.floats(0.01, 3), l2=st.floats(0, 3), positive=st.booleans()
)
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_optimality_and_permutation(seed, l1, l2, positive):
    rng = np.random.default_rng(seed)
    design, targets = rng.normal(size=(12, 25)), rng.normal(size=(12, 3))
    solution = WorkingSet(tol=1e-9).solve(Problem(design, targets, l1, l2, positive))
    assert (solution.gap >= 0).all()
    assert (solution.gap <= 1e-9 * solution.objective).all()
    weights = solution.weights.toarray()
    slope = design.T @ (targets - design @ weights.T) - l2 * weights.T
    excess = (slope if positive else np.abs(slope)) - l1
    assert excess.max() <= 1e-3
    order = rng.permutation(25)
    permuted = WorkingSet(tol=1e-9).solve(Problem(design[:, order], targets, l1, l2, positive))
    np.testing.assert_allclose(permuted.weights.toarray(), weights[:, order], atol=1e-3)


def test_settings_are_checked():
    with pytest.raises(InputError, match="tol must be positive"):
        WorkingSet(tol=0)
    with pytest.raises(InputError, match="at least 1"):
        WorkingSet(grow=0)


def paths(rng):
    design = np.abs(rng.normal(size=(40, 900))).astype(np.float32)
    targets = np.abs(rng.normal(size=(40, 3)))
    return [
        Problem(design, targets, l1, 0.3, blocks=((15, w), (25, 1 - w)))
        for w in (0.0, 0.3, 0.8)
        for l1 in (50.0, 4.0, 2.0)
    ]


def test_a_path_solves_each_of_its_problems(rng):
    problems = paths(rng)
    solver = WorkingSet(tol=1e-9)
    for problem, along in zip(problems, solver.solve_path(problems), strict=True):
        alone = solver.solve(problem).require_converged()
        assert along.converged.all()
        np.testing.assert_allclose(along.weights.toarray(), alone.weights.toarray(), atol=1e-5)


def test_a_path_stays_with_one_design(rng):
    first, *_ = paths(rng)
    for other in (
        replace(first, design=first.design.copy()),
        replace(first, targets=first.targets + 1),
        replace(first, positive=False),
        replace(first, blocks=((16, 1.0), (24, 1.0))),
        replace(first, banned=np.array([1, 2, 3])),
    ):
        with pytest.raises(InputError, match="differ in penalties and block weights"):
            WorkingSet().solve_path([first, other])
    assert WorkingSet().solve_path([]) == []


def test_penalties_of_every_kind_together(rng):
    design, targets = rng.normal(size=(20, 30)), rng.normal(size=(20, 4))
    l1, l2 = np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 0.0, 2.0, 2.0])
    mixed = EXACT.solve(Problem(design, targets, l1, l2, positive=False)).require_converged()
    for query in range(4):
        one = Problem(design, targets[:, [query]], l1[query], l2[query], positive=False)
        alone = EXACT.solve(one).weights.toarray()[0]
        np.testing.assert_allclose(mixed.weights[query].toarray()[0], alone, atol=1e-7)


def test_same_inputs_same_bits(rng):
    design = np.abs(rng.normal(size=(40, 5000))).astype(np.float32)
    problem = Problem(design, np.abs(rng.normal(size=(40, 6))), 2.0, 0.3)
    first, second = WorkingSet().solve(problem), WorkingSet().solve(problem)
    assert (first.weights != second.weights).nnz == 0
    np.testing.assert_array_equal(first.gap, second.gap)


def test_candidates_are_solved_exactly_and_certified_against_the_whole_bank(rng):
    design = np.abs(rng.normal(size=(40, 600))).astype(np.float32)
    targets = np.abs(rng.normal(size=(40, 3)))
    problem, k = Problem(design, targets, 4.0, 1.0), 30
    few = WorkingSet(candidates=k).solve(problem).require_converged()
    whole = WorkingSet(tol=1e-9).solve(problem)
    assert (few.rounds == 1).all()
    assert (few.status == Status.CANDIDATES.value).all()
    assert (few.objective > whole.objective).all()
    assert (few.gap >= few.objective - whole.objective).all()
    for query in range(3):
        best = np.argsort(-design.T @ targets[:, query])[:k]
        among = WorkingSet(tol=1e-9).solve(Problem(design[:, best], targets[:, [query]], 4.0, 1.0))
        weights = np.zeros(600)
        weights[best] = among.weights.toarray()[0]
        np.testing.assert_allclose(few.weights[query].toarray()[0], weights, atol=1e-6)
    enough = WorkingSet(candidates=600).solve(problem)
    assert enough.converged.all()


def test_thread_counts_agree(rng):
    design = np.abs(rng.normal(size=(200, 6000))).astype(np.float32)
    problem = Problem(design, np.abs(rng.normal(size=(200, 8))), 20.0, 2.0)
    answers = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            answers.append(WorkingSet().solve(problem).require_converged().weights.toarray())
    np.testing.assert_allclose(*answers, atol=1e-6)
