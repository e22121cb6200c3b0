import numpy as np
import pytest
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.solvers.inputs import blocks_of, labels_of, penalty_of, real_array


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.eye(3) + 1j, "does not hold real numbers"),
        (np.array([[None, 1.0]]), "does not hold real numbers"),
        (np.array([["a"]]), "does not hold real numbers"),
        ([[1.0, 2.0], [3.0]], "is no array"),
        (np.ma.masked_invalid([[1.0, np.nan]]), "has masked values"),
        (sparse.eye(3), "is sparse"),
    ],
)
def test_what_is_not_real_is_refused(value, message):
    with pytest.raises(InputError, match=f"the design {message}"):
        real_array("design", value)


def test_real_numbers_stay_as_they_are():
    for dtype in (np.float16, np.float32, np.float64, np.int64, np.uint8, bool):
        assert real_array("design", np.ones((2, 2), dtype)).dtype == dtype
    assert real_array("design", np.ones((2, 2), np.longdouble)).dtype == np.float64
    assert real_array("design", np.ma.masked_invalid([[1.0, 2.0]])).tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    "given", [(5, 2), ((5.0, 1.0),), ((5, "1"),), ((-1, 1.0), (6, 1.0)), ((5, np.nan),), 3, "ab"]
)
def test_odd_blocks_are_refused(given):
    with pytest.raises(InputError, match="the blocks do not cover the design"):
        blocks_of(given, 5)


def test_blocks():
    assert blocks_of((), 5) == ((5, 1.0),)
    assert blocks_of([(np.int64(2), np.float32(0.5)), (3, 0)], 5) == ((2, 0.5), (3, 0))
    for weight in (1e60, 1e-60, np.inf):
        with pytest.raises(InputError, match="weights 0, or from"):
            blocks_of(((5, weight),), 5)


def test_a_penalty_is_one_number_or_one_for_each_query():
    np.testing.assert_array_equal(penalty_of("l1", 2, 3), [2, 2, 2])
    np.testing.assert_array_equal(penalty_of("l1", [1, 2, 3], 3), [1, 2, 3])
    for value in ([1.0, 2.0], np.ones((3, 3)), np.ones((1, 3))):
        with pytest.raises(InputError, match="l1 does not match the queries"):
            penalty_of("l1", value, 3)
    for value in ("1", None, 1j):
        with pytest.raises(InputError, match="l1 does not hold real numbers"):
            penalty_of("l1", value, 3)


def test_labels_of_references_must_exist():
    np.testing.assert_array_equal(
        labels_of("banned", [3, -1], 2, columns=True, below=4), [[3], [-1]]
    )
    np.testing.assert_array_equal(labels_of("groups", [70, -5], 2), [70, -5])
    for value in ([4, 0], [-2, 0]):
        with pytest.raises(InputError, match="banned names references that do not exist"):
            labels_of("banned", value, 2, columns=True, below=4)
