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
        ({"banned": np.array([4, 0])}, "banned names references that do not exist"),
        ({"without": np.array([4, 0])}, "without names references that do not exist"),
        ({"without": np.zeros(3, int)}, "without does not match"),
        ({"banned": [[0, 1], [0, 1]], "without": [[2, 3], [2, -1]]}, "left to queries 0"),
        (
            {"banned": [0, 1], "groups": [0, 0, 0, 1], "without": [3, 0]},
            "left to queries 0",
        ),
        ({"targets": np.ones((3, 0))}, "nothing to solve"),
        ({"design": np.ones((0, 4)), "targets": np.ones((0, 2))}, "nothing to solve"),
        ({"design": np.eye(3, 4).astype(object)}, "does not hold real numbers"),
        ({"targets": np.ones((3, 2)) * 1j}, "targets does not hold real numbers"),
        ({"design": np.ma.masked_equal(np.eye(3, 4), 0)}, "masked"),
        ({"l1": np.ones(3)}, "l1 does not match the queries"),
        ({"l2": np.ones((2, 2))}, "l2 does not match the queries"),
        ({"blocks": (2, 1)}, "blocks do not cover the design"),
        ({"design": np.eye(3, 4) * 1e60}, "design is beyond what can be squared"),
        ({"targets": np.array([[1, 1e-60]] * 3)}, "targets of queries 1 are beyond"),
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
    problem.mask_banned(values, np.array([1, 0]), np.array([1, 2, 3]), 0.0)
    np.testing.assert_array_equal(values, [[1, 1, 1], [1, 0, 1]])
    grouped = Problem(D, B, 1.0, 1.0, banned=np.array([7, 8]), groups=np.array([7, 7, 8, 9]))
    values = np.ones((2, 4))
    grouped.mask_banned(values, np.arange(2), np.arange(4), 0.0)
    np.testing.assert_array_equal(values, [[0, 0, 1, 1], [1, 1, 0, 1]])


def test_row_weights_scale_the_smallest_vanishing_l1():
    targets = np.array([[2.0], [1.0], [0.0]])
    weights = np.array([0.1, 3.0, 1.0])
    found = smallest_vanishing_l1(D, targets, positive=True, row_weights=weights)
    np.testing.assert_allclose(found, [3])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("scale", "size"), [(1e-30, 1e-30), (1e30, 1e30), (1e38, 1e-44), (1, 1e44)]
)
def test_the_smallest_vanishing_l1_is_right_at_every_scale(rng, dtype, scale, size):
    design = (scale * rng.uniform(0.5, 1.5, (6, 9))).astype(dtype)
    targets = rng.normal(size=(6, 3)) * [size, 1.0, 0.0]
    exact = design.astype(np.float64).T @ targets
    for positive in (True, False):
        found = smallest_vanishing_l1(design, targets, positive=positive)
        expected = np.maximum(exact if positive else np.abs(exact), 0).max(axis=0)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def everything(rng):
    return Problem(
        rng.normal(size=(6, 9)),
        rng.normal(size=(6, 4)),
        np.arange(1.0, 5),
        np.arange(2.0, 6),
        positive=False,
        banned=np.array([[0, -1], [1, -1], [2, 0], [-1, -1]]),
        groups=np.repeat([0, 1, 2], 3),
        blocks=((2, 0.05), (4, 0.95)),
        without=np.array([5, 3, 4, -1]),
    )


def test_selecting_queries_keeps_everything_else(rng):
    problem = everything(rng)
    some = problem.select([2, 0, 2], without=[[3, 3], [8, -1], [-1, -1]])
    for name in ("design", "groups"):
        assert getattr(some, name) is getattr(problem, name)
    for name, expected in {
        "positive": False,
        "blocks": problem.blocks,
        "targets": problem.targets[:, [2, 0, 2]],
        "l1": [3, 1, 3],
        "l2": [4, 2, 4],
        "banned": [[2, 0], [0, -1], [2, 0]],
        "without": [[4, 3, 3], [5, 8, -1], [4, -1, -1]],
    }.items():
        np.testing.assert_array_equal(getattr(some, name), expected)
    assert problem.select(np.array([1])).without.tolist() == [[3]]
    assert Problem(D, B, 1.0, 1.0).select([1]).without is None
    assert set(problem.__dataclass_fields__) == {
        *("design", "targets", "l1", "l2", "positive", "banned", "groups", "blocks", "without")
    }, "select must keep every field"


@pytest.mark.parametrize(
    ("queries", "without", "message"),
    [
        ([], None, "selected by position"),
        ([0.0], None, "selected by position"),
        (np.array([True, False]), None, "selected by position"),
        ([[0]], None, "selected by position"),
        ([2], None, "do not exist"),
        ([-1], None, "do not exist"),
        ([0], [4], "without names references that do not exist"),
        ([0, 1], [1], "without does not match"),
        ([1], [[0, 1, 2, 3]], "no reference is left to queries 0"),
    ],
)
def test_bad_selections(queries, without, message):
    with pytest.raises(InputError, match=message):
        Problem(D, B, 1.0, 1.0).select(queries, without=without)


def test_single_references_are_struck_whatever_groups_name():
    problem = Problem(
        D, B, 1.0, 1.0, banned=[7, -1], groups=[7, 8, 8, 9], without=[[1, 3], [0, -1]]
    )
    values = np.ones((3, 4))
    problem.mask_banned(values, np.array([1, 0, 1]), np.arange(4), 0.0)
    np.testing.assert_array_equal(values, [[0, 1, 1, 1], [0, 0, 1, 0], [0, 1, 1, 1]])
    values = np.ones((2, 2))
    problem.mask_banned(values, np.arange(2), np.array([2, 3]), 0.0)
    np.testing.assert_array_equal(values, [[1, 0], [1, 1]])
