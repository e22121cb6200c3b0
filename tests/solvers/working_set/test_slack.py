import numpy as np
import pytest

from spatialrag.solvers.problem import Problem
from spatialrag.solvers.working_set import slack as module
from spatialrag.solvers.working_set.slack import Slack


@pytest.fixture
def slack(monkeypatch):
    monkeypatch.setattr(module, "GROUP", 2)
    return Slack.unknown(Problem(np.ones((2, 4)), np.ones((2, 5)), 1.0, 1.0))


def test_room_is_distance_to_the_line_over_the_norm(slack):
    above = np.array([[-6.0, 2.0, -1.0, 0.0]])
    slack.record(np.array([1]), np.arange(4), np.array([3.0, 1.0, 0.0, 0.0]), above)
    assert slack.room[1, 0] == pytest.approx(2, rel=1e-5)
    assert slack.room[1, 0] < 2
    assert slack.room[1, 1] < 0
    assert slack.room[1, 2] == np.inf  # a zero column never reaches a line above 0
    assert slack.room[1, 3] == -np.inf
    assert (slack.room[[0, 2]] == -np.inf).all()


def test_room_shrinks_with_the_farthest_move_of_its_group(slack):
    slack.room[:], slack.seen[:] = 10, 0
    slack.move(np.array([0, 1, 4]), np.array([[1.0, 0.0], [0.0, -3.0], [0.3, 0.4]]))
    np.testing.assert_array_equal(slack.seen, [[1, 0], [0, -3], [0, 0], [0, 0], [0.3, 0.4]])
    np.testing.assert_allclose(slack.room[:, 0], [7, 10, 9.5], rtol=1e-5)
    assert slack.room[0, 0] < 7


def test_norms_are_never_below_the_true_ones(slack):
    rows = np.random.default_rng(0).normal(size=(4, 300)).astype(np.float32)
    norms = slack.measure(np.arange(4), rows)
    true = np.linalg.norm(rows.astype(np.float64), axis=1)
    assert (norms >= true).all()
    np.testing.assert_allclose(norms, true, rtol=1e-4)
    np.testing.assert_array_equal(slack.measure(np.array([2]), rows[:1] * 5), norms[[2]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_norms_are_right_where_squares_over_or_underflow(slack, dtype):
    rows = np.random.default_rng(0).normal(size=(4, 300)).astype(dtype)
    scales = [1e-36, 1e-21, 1e18, 1e36] if dtype == np.float32 else [1e-300, 1e-160, 1e160, 1e300]
    rows *= np.array(scales, dtype)[:, None]
    rows[0, :150] = 0
    true = np.linalg.norm(rows.astype(np.longdouble), axis=1)
    norms = slack.measure(np.arange(4), rows)
    assert (norms >= true).all()
    np.testing.assert_allclose(norms, true.astype(np.float64), rtol=1e-4)
    slack.norms[:] = np.nan
    assert (slack.measure(np.arange(4), np.zeros((4, 3), dtype)) == 0).all()


def test_rooms_that_float32_cannot_hold_are_not_overstated(slack):
    above = -np.array([[1e-43, 1e60, 1.0, np.nan]])
    slack.record(np.array([0]), np.arange(4), np.array([1.0, 1.0, 1e50, 1.0]), above)
    assert slack.room[0, 0] == -np.inf
    assert 1e38 < slack.room[0, 1] < np.inf
    assert (slack.room[0, 2:] == -np.inf).all()
    slack.move(np.array([0]), np.array([1e50]))
    assert not (slack.room[0] > 0).any()
    slack.room[:] = 1e-37
    slack.move(np.array([0]), np.array([1e-50]))  # float32 has no such number
    assert slack.room[0, 0] < np.float32(1e-37)


def test_rounding_of_many_moves_is_forgotten_with_the_rooms(slack):
    """Each move of 1e-8 is lost to rounding beside a room of 1."""
    slack.room[:] = 1
    for _ in range(40):
        slack.move(np.array([0]), np.array([1e-8]))
    assert slack.room[0, 0] <= 1 - 40e-8
