import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.solvers.problem import Problem, smallest_vanishing_l1

D, B = np.eye(3, 4), np.ones((3, 2))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": np.ones((2, 2))}, "do not match"),
        ({"design": np.empty((3, 0))}, "no references"),
        ({"design": np.full((3, 4), np.nan)}, "design contains NaN"),
        ({"targets": np.full((3, 2), np.inf)}, "targets contains NaN or inf"),
        ({"l1": -1.0}, "l1 must be finite and non-negative"),
        ({"l1": 0.0, "l2": 0.0}, "both 0"),
        ({"blocks": ((2, 1.0),)}, "blocks do not cover the design"),
        ({"blocks": ((2, 1.0), (1, -1.0))}, "blocks do not cover the design"),
        ({"banned": np.array([1])}, "banned does not match"),
        ({"banned": np.array([0.5, 1])}, "banned does not match"),
        ({"banned": np.array([0, 1]), "groups": np.zeros(3, int)}, "groups does not match"),
        ({"banned": np.array([0, 1]), "groups": np.zeros(4, int)}, "left to queries 0"),
        ({"banned": np.array([[0, 1, 2, 3], [0, 1, 2, -1]])}, "left to queries 0"),
    ],
)
def test_bad_input(changes, message):
    arguments = {"design": D, "targets": B, "l1": 1.0, "l2": 1.0} | changes
    with pytest.raises(InputError, match=message):
        Problem(**arguments)


def test_smallest_vanishing_l1():
    targets = np.array([[2.0, -3.0], [1.0, -1.0], [0.0, -0.5]])
    np.testing.assert_allclose(smallest_vanishing_l1(D, targets, positive=True), [2, 0])
    np.testing.assert_allclose(smallest_vanishing_l1(D, targets, positive=False), [2, 3])


def test_strike_by_reference_and_by_group():
    problem = Problem(D, B, 1.0, 1.0, banned=np.array([2, -1]))
    values = np.ones((2, 3))
    problem.strike(values, np.array([1, 0]), np.array([1, 2, 3]), 0.0)
    np.testing.assert_array_equal(values, [[1, 1, 1], [1, 0, 1]])
    grouped = Problem(D, B, 1.0, 1.0, banned=np.array([7, 8]), groups=np.array([7, 7, 8, 9]))
    values = np.ones((2, 4))
    grouped.strike(values, np.arange(2), np.arange(4), 0.0)
    np.testing.assert_array_equal(values, [[0, 0, 1, 1], [1, 1, 0, 1]])


def test_row_weights_scale_the_smallest_vanishing_l1():
    targets = np.array([[2.0], [1.0], [0.0]])
    weights = np.array([0.1, 3.0, 1.0])
    found = smallest_vanishing_l1(D, targets, positive=True, row_weights=weights)
    np.testing.assert_allclose(found, [3])
