import numpy as np
import pytest

from spatialrag.solvers import slack as module
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.slack import Slack


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
    slack.room[:] = 10
    slack.move(np.array([0, 1, 4]), np.array([1.0, 3.0, 0.5]))
    np.testing.assert_allclose(slack.room[:, 0], [7, 10, 9.5], rtol=1e-5)
    assert slack.room[0, 0] < 7


def test_norms_are_never_below_the_true_ones(slack):
    rows = np.random.default_rng(0).normal(size=(4, 300)).astype(np.float32)
    norms = slack.measure(np.arange(4), rows)
    true = np.linalg.norm(rows.astype(np.float64), axis=1)
    assert (norms >= true).all()
    np.testing.assert_allclose(norms, true, rtol=1e-4)
    np.testing.assert_array_equal(slack.measure(np.array([2]), rows[:1] * 5), norms[[2]])
