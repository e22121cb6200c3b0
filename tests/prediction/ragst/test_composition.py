import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from spatialrag.errors import InputError
from spatialrag.prediction.ragst.composition import Composition, _solve

TYPES = ["a", "b", "c"]


@pytest.fixture
def data():
    """Spots of four donors whose composition follows their vectors."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 6))
    truth = softmax(x @ rng.normal(size=(6, 3)), axis=1)
    return x, truth, np.repeat(["d1", "d2", "d3", "d4"], 100)


def test_hard_targets_give_scikit_learns_logistic_regression(data):
    x, truth, _ = data
    labels = truth.argmax(axis=1)
    ours, bias = _solve(x, np.eye(3)[labels], 0.01)
    theirs = LogisticRegression(C=1 / (2 * 0.01 * len(x)), tol=1e-10, max_iter=5000).fit(x, labels)
    np.testing.assert_allclose(softmax(x @ ours + bias, axis=1), theirs.predict_proba(x), atol=1e-4)


def test_soft_targets_are_recovered(data):
    x, truth, groups = data
    found = Composition().fit(x[:300], truth[:300], types=TYPES, groups=groups[:300])
    predicted = found.predict(x[300:])
    np.testing.assert_allclose(predicted.sum(axis=1), 1)
    assert np.corrcoef(predicted.ravel(), truth[300:].ravel())[0, 1] > 0.99
    assert found.penalty == pytest.approx(1e-3)


def test_noise_is_penalized_to_the_mean_composition(data):
    x, _, groups = data
    noise = np.random.default_rng(1).dirichlet(np.ones(3), size=len(x))
    found = Composition().fit(x, noise, types=TYPES, groups=groups)
    assert found.penalty >= 0.3
    np.testing.assert_allclose(found.predict(x), np.tile(noise.mean(axis=0), (400, 1)), atol=0.05)


def test_overconfidence_is_cooled(data):
    """Many noisy dimensions and hardly a penalty: probabilities of left-out donors are too sure."""
    rng = np.random.default_rng(2)
    x, truth, groups = data
    wide = np.hstack([x, rng.normal(size=(400, 150))])
    found = Composition(penalty=1e-6).fit(
        wide, np.eye(3)[truth.argmax(axis=1)], types=TYPES, groups=groups
    )
    assert found.temperature > 1.5


def test_one_group_uses_a_stated_penalty(data):
    x, truth, _ = data
    found = Composition().fit(x, truth, types=TYPES, groups=np.zeros(len(x)))
    assert (found.penalty, found.temperature) == (0.1, 1.0)


def test_bad_input(data):
    x, truth, groups = data
    with pytest.raises(InputError, match=r"(?s)at least 3 spots.*2 spots"):
        Composition().fit(x[:2], truth[:2], types=TYPES, groups=groups[:2])
    missing = truth.copy()
    missing[3] = np.nan
    with pytest.raises(InputError, match="1 without"):
        Composition().fit(x, missing, types=TYPES, groups=groups)
    with pytest.raises(InputError, match="penalty"):
        Composition(penalty=0)
