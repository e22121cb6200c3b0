from functools import partial

import numpy as np
import pytest

from spatialrag.solvers.problem import Problem
from spatialrag.solvers.working_set import scan as module
from spatialrag.solvers.working_set.products import NumpyProducts, Pairs
from spatialrag.solvers.working_set.scan import scan
from spatialrag.solvers.working_set.slack import Slack


@pytest.fixture(params=["numpy", "torch"])
def look(request):
    if request.param == "numpy":
        return partial(_look, products=NumpyProducts)
    torch_kernels = pytest.importorskip(
        "spatialrag.solvers.working_set.torch_kernels", reason="needs torch"
    )
    return partial(_look, products=torch_kernels.TorchKernels("cpu").products)


def _look(problem, residual, *, keep=100, slack=None, cited=None, products):
    n = problem.n_queries
    return scan(
        problem,
        np.arange(n),
        residual,
        Pairs.of(cited or [np.empty(0, np.int64)] * n),
        keep=keep,
        slack=slack or Slack.unknown(problem),
        products=products,
    )


@pytest.mark.parametrize("elements", [1 << 24, 1])
@pytest.mark.parametrize("group", [64, 2])
@pytest.mark.parametrize("positive", [True, False])
def test_agrees_with_the_dense_product(look, rng, monkeypatch, positive, elements, group):
    monkeypatch.setattr(module, "_ELEMENTS", elements)
    monkeypatch.setattr("spatialrag.solvers.working_set.slack.GROUP", group)
    design = rng.normal(size=(20, 900)).astype(np.float32)
    residual = rng.normal(size=(3, 20))
    problem = Problem(design, residual.T, 5.0, 1.0, positive)
    cited = [np.array([4, 700]), np.empty(0, np.int64), np.array([5])]
    found = look(problem, residual, cited=cited, keep=7)
    exact = residual @ design.astype(np.float64)
    exact = exact if positive else np.abs(exact)
    for query, own in enumerate(cited):
        exact[query, own] = -np.inf
        references, values = found.of(query)
        order = np.argsort(-exact[query])[: min(7, int((exact[query] > 5).sum()))]
        assert references.tolist() == order.tolist()
        np.testing.assert_allclose(values, exact[query][order], rtol=1e-5)
    np.testing.assert_allclose(found.peak, exact.max(axis=1), rtol=1e-5)
    excess = np.square(np.maximum(exact - 5, 0)).sum(axis=1)
    assert (found.excess <= excess * (1 + 1e-5)).all()
    assert ((found.near > 7) == ((exact > 5).sum(axis=1) > 7)).all()
    found = look(problem, residual, cited=cited, keep=1000)
    np.testing.assert_array_equal(found.near, (exact > 5).sum(axis=1))
    np.testing.assert_allclose(found.excess, excess, rtol=1e-5)


def test_what_lies_on_the_line_is_never_lost_to_rounding(look, rng):
    design = rng.normal(size=(300, 500)).astype(np.float32)
    residual = rng.normal(size=(1, 300))
    exact = (residual @ design.astype(np.float64))[0]
    for value in np.sort(exact)[-20:]:
        problem = Problem(design, residual.T, max(value, 0.0), 1.0)
        assert np.flatnonzero(exact == value)[0] in look(problem, residual).of(0)[0]


def test_skipped_references_are_below_the_line(look, rng):
    design = rng.normal(size=(20, 800)).astype(np.float32)
    problem = Problem(design, rng.normal(size=(20, 2)), 6.0, 1.0)
    slack, residual = Slack.unknown(problem), rng.normal(size=(2, 20))
    slack.move(np.arange(2), residual)
    assert look(problem, residual, slack=slack).looked_at == 1600
    for step in (0.3, 0.3, 0.2, 0.01):
        move = rng.normal(size=(2, 20))
        move *= step / np.linalg.norm(move, axis=1, keepdims=True)
        residual = residual + move
        slack.move(np.arange(2), residual)
        found = look(problem, residual, slack=slack)
        whole = look(problem, residual)
        np.testing.assert_array_equal(found.references, whole.references)
        np.testing.assert_allclose(found.excess, whole.excess, rtol=1e-5)
    assert found.looked_at < 800


def test_groups_of_queries_skip_on_their_own(look, rng, monkeypatch):
    monkeypatch.setattr("spatialrag.solvers.working_set.slack.GROUP", 2)
    design = rng.normal(size=(20, 3000)).astype(np.float32)
    problem = Problem(design, rng.normal(size=(20, 5)), 14.0, 1.0)
    slack, residual = Slack.unknown(problem), rng.normal(size=(5, 20))
    slack.move(np.arange(5), residual)
    look(problem, residual, slack=slack)
    moved = residual + np.array([[0, 0, 0.05, 5, 0]]).T * rng.normal(size=(5, 20)) / 4
    slack.move(np.arange(5), moved)
    found, whole = look(problem, moved, slack=slack), look(problem, moved)
    np.testing.assert_array_equal(found.references, whole.references)
    np.testing.assert_allclose(found.excess, whole.excess, rtol=1e-5)
    # The second group moved far and looks at everything, the others at next to nothing.
    assert 2 * 3000 < found.looked_at < 2.5 * 3000


def test_zero_columns_and_struck_references_never_matter(look, rng):
    design = np.zeros((5, 5), np.float32)
    design[:, 1:4] = 1
    problem = Problem(
        design,
        np.ones((5, 2)),
        1.0,
        1.0,
        banned=np.array([[0, -1], [1, 0]]),
        groups=np.array([0, 0, 1, 1, 2]),
    )
    found = look(problem, np.ones((2, 5)))
    assert [found.of(q)[0].tolist() for q in range(2)] == [[2, 3], []]


def test_ties_go_to_the_earlier_reference(monkeypatch):
    monkeypatch.setattr(module, "_ELEMENTS", 1)
    problem = Problem(np.ones((3, 1000), np.float32), np.ones((3, 1)), 1.0, 1.0)
    found = _look(problem, np.ones((1, 3)), keep=5, products=NumpyProducts)
    assert found.of(0)[0].tolist() == [0, 1, 2, 3, 4]


def test_references_with_weight_are_looked_at_again(look, rng):
    design = np.eye(3, 600, dtype=np.float32)
    problem = Problem(design, np.ones((3, 1)), 0.5, 1.0)
    slack = Slack.unknown(problem)
    look(problem, np.ones((1, 3)), slack=slack, cited=[np.array([1])])
    assert np.flatnonzero(slack.room[0] <= 0).tolist() == [0, 1, 2]


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize(
    ("scale", "size"), [(1e20, 1.0), (1e38, 1e38), (1e-24, 1.0), (1e-40, 1e-3), (1.0, 1e-42)]
)
def test_nothing_is_lost_where_float32_over_or_underflows(look, rng, positive, scale, size):
    design = (scale * rng.uniform(-1, 1, (20, 700))).astype(np.float32)
    residual = size * rng.normal(size=(2, 20))
    exact = residual @ design.astype(np.float64)
    exact = exact if positive else np.abs(exact)
    l1 = 0.8 * exact.max(axis=1)
    problem = Problem(design, residual.T, l1, 0.0, positive)
    slack = Slack.unknown(problem)
    found = look(problem, residual, slack=slack)
    for query in range(2):
        references, values = found.of(query)
        order = np.argsort(-exact[query])[: len(references)]
        assert references.tolist() == order.tolist()
        assert set(np.flatnonzero(exact[query] > l1[query])) <= set(references.tolist())
        np.testing.assert_allclose(values, exact[query][order], rtol=1e-5)
    # What is skipped from now on stays below l1 for residuals as near as is said.
    true = (l1[:, None] - exact) / np.linalg.norm(design.astype(np.float64), axis=0)
    assert (slack.room[0] <= true.min(axis=0)).all()


def test_references_left_out_never_matter(look, rng):
    design = np.abs(rng.normal(size=(20, 300))).astype(np.float32)
    problem = Problem(
        design,
        np.ones((20, 2)),
        1.0,
        1.0,
        banned=[1, 2],
        groups=np.arange(300) % 3,
        without=[[0, 6], [4, -1]],
    )
    found = look(problem, np.ones((2, 20)), keep=300)
    groups = np.arange(300) % 3
    assert set(found.of(0)[0]) == set(np.flatnonzero(groups != 1)) - {0, 6}
    assert set(found.of(1)[0]) == set(np.flatnonzero(groups != 2)) - {4}
