import numpy as np
import pytest
from scipy import sparse

from spatialrag.errors import NotConvergedError
from spatialrag.solvers.solution import Solution, Status


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
