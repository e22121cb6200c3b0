import numpy as np
import pytest
from scipy import sparse

from spatialrag.solvers.designs import ArrayDesign
from spatialrag.solvers.objective import correlate, primal_and_gap, residuals
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.reference import CoordinateDescent
from spatialrag.solvers.working_set.small import SmallProblem, Terms


def whole(problem, dtype=np.float32):
    small = SmallProblem(
        problem.targets[:, 0],
        Terms(float(problem.l1[0]), float(problem.l2[0]), problem.positive, problem.blocks),
    )
    design = ArrayDesign.of(problem.design.astype(dtype))
    for part in np.array_split(np.arange(problem.n_references), 3):
        small.extend(design, part)
        small.solve(design)
    return small, design


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("blocks", [(), ((5, 0.3), (10, 2.0))])
@pytest.mark.parametrize(("l1", "l2"), [(0.5, 0.5), (0.5, 0.0), (0.0, 0.7)])
def test_grown_in_parts_it_agrees_with_the_slow_reference(rng, positive, blocks, l1, l2):
    design, target = rng.normal(size=(15, 12)), rng.normal(size=(15, 1))
    design = design.astype(np.float32).astype(np.float64)
    problem = Problem(design, target, l1, l2, positive, blocks=blocks)
    small, _ = whole(problem)
    weights = np.zeros(12)
    weights[small.members] = small.weights
    slow = CoordinateDescent(tol=1e-13).solve(problem)
    np.testing.assert_allclose(weights, slow.weights.toarray()[0], atol=1e-6)
    np.testing.assert_allclose(small.objective, slow.objective[0], rtol=1e-9)


def test_float32_grams_are_corrected_to_float64(rng):
    design, target = np.abs(rng.normal(size=(50, 30))), np.abs(rng.normal(size=(50, 1)))
    problem = Problem(design.astype(np.float32), target, 1.0, 1.0)
    coarse, array = whole(problem)
    slope = array.take(coarse.cited).astype(np.float64) @ coarse.residual
    np.testing.assert_allclose(slope - coarse.weights[coarse.active], 1.0, atol=1e-9)
    assert coarse.refine(array)
    assert not coarse.refine(array)


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("l2", [0.0, 0.6])
def test_gap_is_that_of_the_dense_computation(rng, positive, l2):
    design, target = rng.normal(size=(15, 40)), rng.normal(size=(15, 1))
    problem = Problem(design, target, 0.4, l2, positive, blocks=((5, 0.3), (10, 2.0)))
    small = SmallProblem(target[:, 0], Terms(0.4, l2, positive, problem.blocks))
    array = ArrayDesign.of(design)
    small.extend(array, np.arange(6))
    small.solve(array)
    others = np.setdiff1d(np.arange(40), small.cited)
    value = design[:, others].T @ (problem.row_weights * small.residual)
    value = value if positive else np.abs(value)
    excess = np.square(np.maximum(value - 0.4, 0)).sum()
    weights = sparse.csr_matrix((small.weights, ([0] * 6, small.members)), shape=(1, 40))
    residual = residuals(problem, weights, np.array([0]))
    primal, gap = primal_and_gap(
        problem, weights, residual, correlate(problem, residual), np.array([0])
    )
    assert small.gap(excess, value.max()) == pytest.approx(gap[0])
    assert small.objective == pytest.approx(primal[0])
    assert gap[0] > 0


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("l1", [1e-2, 1e-6])
def test_short_columns_move_beside_long_ones(rng, positive, l1):
    """One solve, beside the support's optimality conditions by a QR of its columns."""
    design = rng.normal(size=(15, 4)) * [1e4, 1.0, 1e-2, 1e-4]
    problem = Problem(design, rng.normal(size=(15, 1)), l1, 0.0, positive)
    small = SmallProblem(problem.targets[:, 0], Terms(l1, 0.0, positive, problem.blocks))
    array = ArrayDesign.of(design)
    small.extend(array, np.arange(4))
    small.solve(array)
    active, sign = small.active, np.sign(small.weights[small.active])
    part = design[:, active]
    q, r = np.linalg.qr(part)
    expected = np.linalg.solve(r, q.T @ problem.targets[:, 0] - np.linalg.solve(r.T, l1 * sign))
    np.testing.assert_allclose(small.weights[active], expected, rtol=1e-5)
    others = np.setdiff1d(np.arange(4), active)
    assert (design[:, others].T @ small.residual <= l1 * (1 + 1e-6)).all()


def test_a_gram_matrix_that_float32_cannot_hold_is_float64(rng):
    for scale, size in ((1e25, 1.0), (1e-25, 1.0), (1.0, 1e30), (1.0, 1e-30)):
        design = (scale * np.abs(rng.normal(size=(15, 12)))).astype(np.float32)
        target = size * np.abs(rng.normal(size=(15, 1)))
        problem = Problem(design, target, 0.1 * scale * size, scale**2)
        small, _ = whole(problem)
        weights = np.zeros(12)
        weights[small.members] = small.weights
        slow = CoordinateDescent(tol=1e-13).solve(problem)
        np.testing.assert_allclose(weights, slow.weights.toarray()[0], atol=1e-6 * size / scale)
        assert small.refined


def test_what_is_not_finite_proves_nothing():
    small = SmallProblem(np.ones(3), Terms(1.0, 0.0, positive=True, blocks=((3, 1.0),)))
    assert small.gap(0.0, 0.5) == 0
    for peak in (np.nan, np.inf):
        assert small.gap(0.0, peak) == np.inf
    small.adopt(np.empty(0, int), np.empty(0), np.full(3, np.nan), np.empty(0))
    assert small.gap(0.0, 0.5) == np.inf
