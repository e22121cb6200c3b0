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
