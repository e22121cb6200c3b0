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
from spatialrag.solvers.working_set.rounds import Rounds
from spatialrag.solvers.working_set.working_set import WorkingSet

EXACT = WorkingSet(tol=1e-12)


@pytest.fixture(autouse=True)
def on_each_device(kernels, monkeypatch):
    monkeypatch.setattr(
        "spatialrag.solvers.working_set.working_set.kernels_for", lambda device: kernels
    )


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
    for settings_ in ({"grow": 0}, {"candidates": 0}, {"max_rounds": 2.5}, {"candidates": "5"}):
        with pytest.raises(InputError, match="a whole number of at least 1"):
            WorkingSet(**settings_)
    assert WorkingSet(candidates=np.int64(3)).candidates == 3


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


def test_a_path_takes_the_ridge_route_where_answers_are_dense(rng, monkeypatch):
    """The N x N Gram matrix of a dense answer would hold all of these references."""
    design, targets = rng.normal(size=(20, 500)), rng.normal(size=(20, 3))
    largest = []
    extend = Rounds._extend
    monkeypatch.setattr(
        Rounds,
        "_extend",
        lambda self, *a: (
            largest.append(max(len(s.members) for s in self.state.smalls)) or extend(self, *a)
        ),
    )
    first = Problem(design, targets, 3.0, 1.0, positive=False)
    mixed = np.array([0.0, 3.0, 0.0])
    problems = [first, replace(first, l1=0.0), replace(first, l1=mixed), replace(first, l2=2.0)]
    problems += [replace(first, l1=0.0, l2=0.5)]
    solutions = EXACT.solve_path(problems)
    assert max(largest) < 200
    for problem, solution in zip(problems, solutions, strict=True):
        ours = solution.require_converged().weights.toarray()
        for query in range(3):
            l1, l2 = problem.l1[query], problem.l2[query]
            if l1 == 0:
                model = Ridge(alpha=l2, fit_intercept=False)
            else:
                alpha, share = (l1 + l2) / 20, l1 / (l1 + l2)
                model = ElasticNet(
                    alpha=alpha, l1_ratio=share, fit_intercept=False, tol=1e-14, max_iter=10**6
                )
            theirs = model.fit(design, targets[:, query]).coef_
            np.testing.assert_allclose(ours[query], theirs, atol=2e-6)


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


@pytest.mark.parametrize("positive", [True, False])
def test_left_out_references_are_deleted_columns_of_weighted_rows(rng, positive):
    """Rows multiplied by hand, columns deleted by hand, solved by scikit-learn."""
    design, targets = np.abs(rng.normal(size=(24, 60))), np.abs(rng.normal(size=(24, 3)))
    groups, banned, w = np.repeat(np.arange(3), 20), np.array([0, -1, 2]), 0.05
    problem = Problem(
        *(design, targets, 0.3, 0.2, positive),
        banned=banned,
        groups=groups,
        blocks=((9, w), (15, 1 - w)),
    )
    queries, without = [2, 0, 2], np.array([[3, 40], [25, -1], [-1, 0]])
    found = EXACT.solve(problem.select(queries, without=without)).require_converged()
    by_hand = np.concatenate([np.full(9, np.sqrt(w)), np.full(15, np.sqrt(1 - w))])
    for row, query in enumerate(queries):
        kept = np.flatnonzero((groups != banned[query]) & ~np.isin(np.arange(60), without[row]))
        model = ElasticNet(
            alpha=0.5 / 24,
            l1_ratio=0.6,
            fit_intercept=False,
            positive=positive,
            tol=1e-14,
            max_iter=10**6,
        ).fit(by_hand[:, None] * design[:, kept], by_hand * targets[:, query])
        expected = np.zeros(60)
        expected[kept] = model.coef_
        np.testing.assert_allclose(found.weights[row].toarray()[0], expected, atol=2e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("l1", [1e-2, 1e-4, 1e-6, 1e-8, 1e-11])
def test_columns_of_very_different_norm(dtype, positive, l1):
    """Orthogonal columns: each weight by hand."""
    norms = np.array([1e3, 1.0, 1e-3])
    problem = Problem(np.diag(norms).astype(dtype), np.ones((3, 1)), l1, 0.0, positive)
    solution = WorkingSet().solve(problem).require_converged()
    norms = norms.astype(dtype).astype(np.float64)
    expected = np.maximum(norms - l1, 0) / norms**2
    np.testing.assert_allclose(solution.weights.toarray()[0], expected, rtol=2e-6)


@pytest.mark.parametrize(
    ("scale", "size"),
    [
        (1e18, 1.0),
        (1e30, 1e-20),
        (3e37, 1e39),
        (1e-22, 1.0),
        (1e-36, 1e36),
        (1e-43, 1.0),
        (1, 1e44),
    ],
)
def test_weights_are_right_at_every_scale_of_float32(rng, scale, size):
    """The same problem at an ordinary scale, by scikit-learn."""
    plain = rng.normal(size=(20, 80)).astype(np.float32)
    factor = np.float32(2.0 ** np.round(np.log2(scale)))
    design, target = plain * factor, rng.normal(size=(20, 1))
    exact = design.astype(np.float64) / float(factor)  # subnormal numbers have fewer digits
    for positive in (True, False):
        l1, l2 = 0.05 * 20 * 0.9, 0.05 * 20 * 0.1
        problem = Problem(
            *(design, size * target, l1 * size * float(factor), l2 * float(factor) ** 2, positive)
        )
        found = WorkingSet(tol=1e-10).solve(problem).require_converged()
        weights = found.weights.toarray() * float(factor) / size
        np.testing.assert_allclose(
            weights, scikit_learn(exact, target, 0.05, 0.9, positive), atol=1e-5
        )


@pytest.mark.parametrize("positive", [True, False])
def test_columns_of_very_different_norm_that_correlate(rng, positive):
    """The same problem in columns of one norm, with penalties of their own, by hand."""
    design = rng.normal(size=(20, 12)) * 10.0 ** np.linspace(-4, 4, 12)
    targets = rng.normal(size=(20, 2))
    for l1 in (1e-2, 1e-5):
        found = WorkingSet().solve(Problem(design, targets, l1, 0.0, positive)).require_converged()
        for target, weights in zip(targets.T, found.weights.toarray(), strict=True):
            active = np.flatnonzero(weights)
            slope = design.T @ (target - design @ weights)
            assert ((slope if positive else np.abs(slope)) <= l1 * (1 + 1e-4)).all()
            q, r = np.linalg.qr(design[:, active])
            expected = np.linalg.solve(
                r, q.T @ target - np.linalg.solve(r.T, l1 * np.sign(weights[active]))
            )
            np.testing.assert_allclose(weights[active], expected, rtol=1e-3)


@pytest.mark.parametrize("positive", [True, False])
def test_nearly_dependent_columns_without_a_ridge(rng, positive):
    """Proximal steps of one length make no progress here."""
    design = rng.normal(size=(10, 3)) @ rng.normal(size=(3, 40)) + 1e-3 * rng.normal(size=(10, 40))
    targets = rng.normal(size=(10, 3))
    l1 = 3e-6 * smallest_vanishing_l1(design, targets, positive=positive)
    problem = Problem(design, targets, l1, 0.0, positive, banned=np.full(3, -1), groups=[0] * 40)
    solution = WorkingSet().solve(problem).require_converged()
    primal, gap = gap_in_long_numbers(problem, solution.weights)
    assert (gap <= 1.01e-6 * primal).all()


def problem_of(seed, exponents, *, positive, lasso):
    """A problem of many kinds: D, b, blocks and groups at scales of their own."""
    rng = np.random.default_rng(seed)
    m, n, q = rng.integers(2, 25), rng.integers(2, 90), rng.integers(1, 4)
    design = rng.normal(size=(m, n))
    kind = seed % 5
    if kind == 1:
        design = rng.normal(size=(m, 2)) @ rng.normal(size=(2, n)) + 1e-2 * design
    if kind == 2:
        design = design * 10.0 ** rng.uniform(-4, 4, n)
    if kind == 3:
        design[:, : n // 2] = design[:, [0]]
    if kind == 4:
        design[:, rng.random(n) < 0.3] = 0
    design = design * 10.0 ** exponents[0]
    if rng.random() < 0.6 and np.abs(design).max() < 3e38:
        design = design.astype(np.float32)
    targets = rng.normal(size=(m, q)) * 10.0 ** exponents[1]
    top = m // 2
    blocks = ((top, 10.0 ** exponents[2]), (m - top, 0.95))
    w = np.repeat([weight for _, weight in blocks], [rows for rows, _ in blocks])
    wide = design.astype(np.longdouble)
    peak = np.abs(wide.T @ (w[:, None] * targets)).max(axis=0)
    square = (w[:, None] * wide**2).sum(axis=0).max()
    l1 = np.where(peak > 0, peak, 1) * 10.0 ** rng.uniform(-3, 0.1)
    l2 = 0.0 if lasso else float(square) * 10.0 ** rng.uniform(-6, 1)
    return Problem(
        design,
        targets,
        l1.astype(np.float64),
        l2 if l2 or lasso else 1.0,
        positive,
        banned=rng.integers(-1, 1, q),
        groups=(np.arange(n) >= n // 2).astype(int),
        blocks=blocks,
        without=rng.integers(-1, n, q) if n // 2 > 1 else None,
    )


def gap_in_long_numbers(problem, weights):
    """The primal value and the gap of each query, from the weights alone, in 80 bits."""
    wide = np.longdouble
    design, targets = problem.design.astype(wide), problem.targets.astype(wide)
    w, a = problem.row_weights.astype(wide)[:, None], weights.toarray().astype(wide).T
    l1, l2 = problem.l1.astype(wide), problem.l2.astype(wide)
    residual = targets - design @ a
    squares = (w * residual**2).sum(axis=0)
    primal = squares / 2 + l2 / 2 * (a**2).sum(axis=0) + l1 * np.abs(a).sum(axis=0)
    slope = design.T @ (w * residual)
    struck = problem.groups[:, None] == problem.banned.T
    if problem.without is not None:
        struck |= np.arange(len(struck))[:, None] == problem.without.T
    assert (a[struck] == 0).all()
    slope[struck] = 0
    tilted = slope - l2 * a
    if not problem.positive:
        tilted, slope = np.abs(tilted), np.abs(slope)
    peak = tilted.max(axis=0)
    scale = np.where(peak > l1, l1 / np.where(peak > 0, peak, 1), 1)
    product = (w * targets * residual).sum(axis=0)
    dual = scale * product - scale**2 / 2 * (squares + l2 * (a**2).sum(axis=0))
    excess = (np.maximum(slope - l1, 0) ** 2).sum(axis=0)
    own = product - squares / 2 - excess / np.where(l2 > 0, 2 * l2, 1)
    return primal, primal - np.where(l2 > 0, np.maximum(dual, own), dual)


@given(
    seed=st.integers(0, 10**6),
    exponents=st.tuples(
        st.one_of(st.just(0.0), st.floats(-40, 40)),
        st.one_of(st.just(0.0), st.floats(-40, 40)),
        st.one_of(st.just(0.0), st.floats(-20, 20)),
    ),
    positive=st.booleans(),
    lasso=st.booleans(),
)
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_certificate_is_false_at_any_scale(seed, exponents, positive, lasso):
    problem = problem_of(seed, exponents, positive=positive, lasso=lasso)
    solution = WorkingSet(tol=1e-7).solve(problem)
    primal, gap = gap_in_long_numbers(problem, solution.weights)
    proven = solution.converged
    assert (gap[proven] <= 1.01e-7 * primal[proven]).all()
    np.testing.assert_allclose(
        solution.objective[proven], primal[proven].astype(np.float64), rtol=1e-6
    )
    assert proven.all() or set(solution.status[~proven]) == {Status.STALLED.value}


@pytest.mark.slow
def test_no_certificate_is_false_in_many_problems():
    """How often a problem is not solved is known too: it is said, and rare."""
    unproven = n_queries = 0
    rng = np.random.default_rng(5)
    for seed in range(3000):
        exponents = rng.uniform(-40, 40, 3) * [1, 1, 0.5] * (rng.random(3) < 0.6)
        problem = problem_of(seed, exponents, positive=seed % 2 == 0, lasso=seed % 3 == 0)
        solution = WorkingSet(tol=1e-7).solve(problem)
        primal, gap = gap_in_long_numbers(problem, solution.weights)
        proven = solution.converged
        assert (gap[proven] <= 1.01e-7 * primal[proven]).all(), seed
        unproven, n_queries = unproven + (~proven).sum(), n_queries + len(proven)
    assert unproven < 0.01 * n_queries


def test_thread_counts_agree(rng):
    design = np.abs(rng.normal(size=(200, 6000))).astype(np.float32)
    problem = Problem(design, np.abs(rng.normal(size=(200, 8))), 20.0, 2.0)
    answers = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            answers.append(WorkingSet().solve(problem).require_converged().weights.toarray())
    np.testing.assert_allclose(*answers, atol=1e-6)
