import numpy as np
import pytest
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.solvers.fista import Fista
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.reference import CoordinateDescent
from spatialrag.solvers.start import dense_start, start_of
from spatialrag.solvers.working_set import WorkingSet


@pytest.fixture
def problem(rng):
    """Two queries, five references in two groups, each query with exclusions of its own."""
    return Problem(
        *(np.abs(rng.normal(size=(8, 5))), np.abs(rng.normal(size=(8, 2))), 0.3, 0.2),
        banned=np.array([1, -1]),
        groups=np.array([0, 0, 0, 1, 1]),
        without=np.array([0, 2]),
    )


def test_what_a_query_may_not_use_is_left_out(problem):
    weights = sparse.csr_matrix([[1.0, 2, -3, 4, 5], [1, 0, 3, 4, 0]])
    start = start_of(problem, weights)
    assert start.toarray().tolist() == [[0, 2, 0, 0, 0], [1, 0, 0, 4, 0]]
    assert start.nnz == 3
    assert weights[0, 4] == 5  # a copy
    np.testing.assert_array_equal(dense_start(problem, weights), start.toarray())
    assert dense_start(problem, None).tolist() == [[0] * 5] * 2


def test_other_shapes_and_no_numbers_are_refused(problem):
    with pytest.raises(InputError, match="another problem's"):
        start_of(problem, sparse.csr_matrix((2, 4)))
    with pytest.raises(InputError, match="NaN or inf"):
        start_of(problem, sparse.csr_matrix([[np.nan] * 5] * 2))


@pytest.mark.parametrize(
    "solver",
    [WorkingSet(tol=1e-11), CoordinateDescent(tol=1e-11), Fista(max_iter=2_000, step_tol=1e-7)],
    ids=lambda solver: type(solver).__name__,
)
@pytest.mark.parametrize("positive", [True, False])
def test_every_solver_ends_where_it_would_from_nothing(rng, solver, positive):
    """From the answer, from far away, and from what is not allowed."""
    design, targets = rng.normal(size=(20, 40)), rng.normal(size=(20, 3))
    problem = Problem(design, targets, 0.5, 0.3, positive, without=np.array([3, -1, 5]))
    slow = CoordinateDescent(tol=1e-12).solve(problem).weights
    for start in (slow, sparse.csr_matrix(10 * rng.normal(size=(3, 40)))):
        found = solver.solve(problem, start=start)
        np.testing.assert_allclose(found.weights.toarray(), slow.toarray(), atol=2e-4)


def test_a_start_at_the_answer_saves_rounds(rng):
    design, targets = np.abs(rng.normal(size=(40, 3000))), np.abs(rng.normal(size=(40, 4)))
    problem = Problem(design, targets, 4.0, 1.0)
    cold = WorkingSet().solve(problem)
    warm = WorkingSet().solve(problem, start=cold.weights)
    assert cold.rounds.min() > 1
    assert (warm.rounds == 1).all()
