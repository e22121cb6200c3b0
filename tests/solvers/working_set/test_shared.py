from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet

from spatialrag.solvers.fista import Fista
from spatialrag.solvers.objective import certify
from spatialrag.solvers.problem import Problem, smallest_vanishing_l1
from spatialrag.solvers.working_set.metric import Metric
from spatialrag.solvers.working_set.rounds import Rounds
from spatialrag.solvers.working_set.shared import SharedGram, shared_metric
from spatialrag.solvers.working_set.working_set import WorkingSet

M, N, Q = 240, 300, 40


def design_of(rng, kind):
    """Columns like expression: a common mean, a few components, noise."""
    design = 2 + rng.normal(size=(M, 4)) @ rng.normal(size=(4, N)) + rng.normal(size=(M, N))
    if kind == "duplicates":
        design[:, N // 2 :] = design[:, : N // 2]
    if kind == "zero columns":
        design[:, ::7] = 0
    if kind == "uneven":
        design *= 10.0 ** rng.uniform(-3, 0, N)
    return design.astype(np.float32)


def problem_of(rng, kind="plain", *, positive=True, scale=1.0, l1=0.05, l2=0.1, **changes):
    design = design_of(rng, kind)
    w = np.repeat([0.3, 1.2], M // 2)
    targets = design[:, :Q] @ rng.dirichlet(np.ones(Q), Q).T + rng.normal(size=(M, Q))
    if kind == "silent":
        targets[:, 5] = 0
    peak = smallest_vanishing_l1(design, targets, positive=positive, row_weights=w)
    peak = np.where(peak > 0, peak, 1.0)
    square = (w @ design.astype(np.float64) ** 2).max()
    problem = Problem(
        *(design * np.float32(scale), targets * scale, l1 * peak * scale**2),
        *(l2 * square * scale**2, positive),
        blocks=((M // 2, 0.3), (M // 2, 1.2)),
        **changes,
    )
    assert shared_metric(problem) is not None
    return problem


def shared(problem, tol, start=None):
    """Solve on one Gram matrix, and nowhere else."""
    return SharedGram.of(problem).solve(problem, shared_metric(problem), tol, start)


def scikit_learn(problem, query):
    kept = np.ones(problem.n_references)
    problem.mask_banned(kept[None], np.array([query]), np.arange(len(kept)), 0.0)
    root, m = np.sqrt(problem.row_weights), len(problem.row_weights)
    l1, l2 = problem.l1[query], problem.l2[query]
    model = ElasticNet(
        alpha=(l1 + l2) / m,
        l1_ratio=l1 / (l1 + l2),
        positive=problem.positive,
        fit_intercept=False,
        tol=1e-13,
        max_iter=10**6,
    )
    design = root[:, None] * problem.design.astype(np.float64) * kept
    return model.fit(design, root * problem.targets[:, query]).coef_


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("kind", ["plain", "duplicates", "zero columns", "uneven", "silent"])
def test_agrees_with_scikit_learn(rng, kind, positive):
    problem = problem_of(rng, kind, positive=positive)
    solution = shared(problem, 1e-9).require_converged()
    again = certify(problem, solution.weights, 1e-9, solution.rounds)
    assert again.converged.all()
    np.testing.assert_allclose(solution.objective, again.objective, rtol=1e-12)
    weights = solution.weights.toarray()
    for query in (0, 5, 17):
        np.testing.assert_allclose(weights[query], scikit_learn(problem, query), atol=1e-5)


@pytest.mark.parametrize("positive", [True, False])
def test_what_queries_may_not_use_stays_out(rng, positive):
    groups = np.repeat(np.arange(3), N // 3)
    problem = problem_of(
        rng,
        positive=positive,
        groups=groups,
        banned=rng.integers(-1, 3, Q),
        without=rng.integers(-1, N, (Q, 2)),
    )
    solution = shared(problem, 1e-9).require_converged()
    weights = solution.weights.toarray()
    assert (weights[groups == problem.banned] == 0).all()
    for query in (1, 9):
        np.testing.assert_allclose(weights[query], scikit_learn(problem, query), atol=1e-5)


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])
def test_the_same_at_every_scale(rng, scale):
    state = rng.bit_generator.state
    plain = problem_of(rng)
    rng.bit_generator.state = state
    scaled = problem_of(rng, scale=scale)
    answers = [shared(p, 1e-9).require_converged() for p in (plain, scaled)]
    first, second = (answer.weights.toarray() for answer in answers)
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_without_an_l1_part(rng):
    problem = problem_of(rng, l1=0.0, l2=0.2)
    solution = shared(problem, 1e-8).require_converged()
    weights = solution.weights.toarray()[3]
    slope = problem.references.rows.astype(np.float64) @ (
        problem.row_weights * (problem.targets[:, 3] - problem.design @ weights)
    )
    slope -= problem.l2[3] * weights
    assert np.abs(slope[weights > 0]).max() < 1e-3 * problem.l2[3]
    assert slope[weights == 0].max() < 1e-3 * problem.l2[3]


def test_a_start_at_the_answer_costs_few_steps(rng, monkeypatch):
    problem = problem_of(rng)
    cold = shared(problem, 1e-6)
    monkeypatch.setattr("spatialrag.solvers.working_set.together._STEPS", 3)
    monkeypatch.setattr("spatialrag.solvers.working_set.shared._TURNS", 1)
    assert not shared(problem, 1e-6).converged.all()
    assert shared(problem, 1e-6, cold.weights).converged.all()


def test_few_references_at_a_time_are_the_same(rng, monkeypatch):
    problem = problem_of(rng, without=rng.integers(-1, N, Q))
    whole = WorkingSet(tol=1e-9).solve(problem)
    monkeypatch.setattr("spatialrag.solvers.working_set.shared._ELEMENTS", 7 * N)
    parts = WorkingSet(tol=1e-9).solve(problem)
    np.testing.assert_allclose(parts.weights.toarray(), whole.weights.toarray(), atol=1e-5)
    assert parts.converged.all()


def test_what_stays_open_is_solved_on_working_sets(rng, monkeypatch):
    problem = problem_of(rng)
    expected = WorkingSet(tol=1e-10).solve(problem).require_converged()
    monkeypatch.setattr("spatialrag.solvers.working_set.together._STEPS", 6)
    monkeypatch.setattr("spatialrag.solvers.working_set.shared._TURNS", 1)
    solver = WorkingSet(tol=1e-6)
    open_ = ~shared(problem, 1e-6).converged
    assert 0 < open_.sum() < Q
    solved = []
    enter = Rounds.enter
    monkeypatch.setattr(
        Rounds, "enter", lambda self, start: solved.append(start.shape[0]) or enter(self, start)
    )
    found = solver.solve(problem).require_converged()
    assert solved == [open_.sum()]
    np.testing.assert_allclose(found.weights.toarray(), expected.weights.toarray(), atol=1e-3)
    assert (found.objective <= expected.objective * (1 + 1e-6)).all()


@pytest.mark.parametrize("factor", [0.0, 1e-3, 0.3])
def test_a_metric_that_is_too_small_costs_time_not_the_answer(rng, monkeypatch, factor):
    problem = problem_of(rng)
    metric = shared_metric(problem)
    poor = Metric(factor * metric.factors, factor * metric.rest)
    monkeypatch.setattr(
        "spatialrag.solvers.working_set.working_set.shared_metric", lambda problem: poor
    )
    with np.errstate(all="ignore"):
        found = WorkingSet().solve(problem).require_converged()
    assert certify(problem, found.weights, 1e-6, found.rounds).converged.all()


def test_a_path_on_one_gram_matrix(rng, monkeypatch):
    first = problem_of(rng)
    problems = [
        replace(first, l1=first.l1 * f, blocks=((M // 2, w), (M // 2, 1.5 - w)))
        for w in (0.3, 1.0)
        for f in (2.0, 1.0)
    ]
    made = []
    of = SharedGram.of
    monkeypatch.setattr(SharedGram, "of", lambda problem: made.append(1) or of(problem))
    along = WorkingSet(tol=1e-9).solve_path(problems)
    assert len(made) == 1
    for problem, found in zip(problems, along, strict=True):
        assert certify(problem, found.weights, 1e-9, found.rounds).converged.all()
        expected = scikit_learn(problem, 2)
        np.testing.assert_allclose(found.weights.toarray()[2], expected, atol=1e-5)


def test_it_is_kept_for_what_it_suits(rng):
    problem = problem_of(rng)
    fewer = np.ascontiguousarray(problem.design[:, :200])
    for other in (
        replace(problem, design=problem.design.astype(np.float64)),
        replace(problem, design=fewer),  # a working set soon holds them all
        replace(problem, l2=0.0),
        replace(problem, l2=0.02 * problem.l2),  # many steps
        problem.select(np.arange(5)),  # for whom a Gram matrix costs more than it saves
        replace(problem, l1=1e35),
        replace(problem, targets=problem.targets * 1e20),
    ):
        assert shared_metric(other) is None


def test_fista_agrees(rng):
    problem = problem_of(rng, l1=0.2, l2=0.3).select(np.arange(38))
    slow = Fista(max_iter=5_000, step_tol=1e-6, tol=1e-4).solve(problem).require_converged()
    found = WorkingSet().solve(problem).require_converged()
    np.testing.assert_allclose(found.weights.toarray(), slow.weights.toarray(), atol=5e-4)
