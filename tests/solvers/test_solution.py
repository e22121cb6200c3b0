import numpy as np
import pytest
from scipy import sparse

from spatialrag.errors import NotConvergedError
from spatialrag.solvers.solution import Solution, Status, is_reached


def solution(status):
    return Solution(
        sparse.csr_matrix((2, 3)),
        gap=np.array([0.0, 0.5]),
        objective=np.array([0.0, 2.0]),
        rounds=np.array([1, 60]),
        status=np.array([Status.CONVERGED, status], dtype=object),
    )


def test_relative_gap_of_a_zero_objective_is_zero():
    np.testing.assert_array_equal(solution(Status.CONVERGED).relative_gap, [0, 0.25])


def test_unconverged_never_passes_silently():
    with pytest.raises(NotConvergedError, match=r"1 of 2 queries .* 2.5e-01.*round limit"):
        solution(Status.ROUNDS).require_converged()
    assert solution(Status.CONVERGED).require_converged().converged.all()


def test_what_is_no_number_is_not_a_gap_of_zero():
    found = Solution(
        sparse.csr_matrix((6, 3)),
        gap=np.array([np.nan, 0.0, np.inf, 1.0, np.inf, 0.0]),
        objective=np.array([np.nan, np.nan, np.inf, 0.0, 1.0, 0.0]),
        rounds=np.ones(6, int),
        status=np.full(6, Status.ROUNDS.value, dtype=object),
    )
    np.testing.assert_array_equal(found.relative_gap, [np.inf] * 5 + [0])
    reached = is_reached(found.gap, found.objective, 1e-6)
    assert reached.tolist() == [False] * 5 + [True]
    with pytest.raises(NotConvergedError, match="largest relative gap inf"):
        found.require_converged()
