import numpy as np
import pytest
from scipy import stats
from scipy.special import rel_entr

from spatialrag.errors import InputError
from spatialrag.metrics.composition import calibration_curve, composition_scores

RNG = np.random.default_rng(0)


def test_scores_agree_with_their_definitions():
    truth, predicted = RNG.dirichlet(np.ones(4), 60), RNG.dirichlet(np.ones(4), 60)
    scores = composition_scores(truth, predicted)
    r = [stats.pearsonr(truth[:, t], predicted[:, t]).statistic for t in range(4)]
    assert scores["pearson"] == pytest.approx(np.mean(r))
    middle = (truth + predicted) / 2
    divergence = (rel_entr(truth, middle) + rel_entr(predicted, middle)).sum(axis=1) / 2
    assert scores["jensen_shannon"] == pytest.approx(np.sqrt(divergence / np.log(2)).mean())


def test_calibration_of_a_hand_made_case():
    predicted = np.array([[0.25, 0.75], [0.27, 0.73], [1.0, 0.0]])
    truth = np.array([[0.5, 0.5], [0.1, 0.9], [1.0, 0.0]])
    curve = calibration_curve(truth, predicted)
    assert curve.index.tolist() == [0, 2, 7, 9]
    assert curve["n"].tolist() == [1, 2, 2, 1]
    np.testing.assert_allclose(curve.loc[2], [0.26, 0.3, 2])
    np.testing.assert_allclose(curve.loc[9], [1, 1, 1])
    assert composition_scores(truth, predicted)["calibration_error"] == pytest.approx(0.16 / 6)


def test_perfect_agreement():
    truth = RNG.dirichlet(np.ones(3), 40)
    scores = composition_scores(truth, truth)
    assert scores["pearson"] == pytest.approx(1)
    assert scores["jensen_shannon"] == pytest.approx(0, abs=1e-6)
    assert scores["calibration_error"] == pytest.approx(0, abs=1e-12)


def test_spots_without_a_truth_are_not_scored():
    truth, predicted = RNG.dirichlet(np.ones(3), 20), RNG.dirichlet(np.ones(3), 20)
    holes = truth.copy()
    holes[5:] = np.nan
    assert composition_scores(holes, predicted) == composition_scores(truth[:5], predicted[:5])


def test_what_cannot_be_compared():
    truth = RNG.dirichlet(np.ones(3), 4)
    with pytest.raises(InputError, match=r"\(4, 3\)"):
        composition_scores(truth, truth[:, :2])
    with pytest.raises(InputError, match="no spot has given"):
        composition_scores(np.full((4, 3), np.nan), truth)


@pytest.mark.parametrize(
    ("truth", "predicted"),
    [
        (np.eye(3), -np.eye(3)),
        (-np.eye(3), np.eye(3)),
        (np.eye(3), 2 * np.eye(3)),
        (np.eye(3), np.zeros((3, 3))),
        (np.eye(3), np.where(np.eye(3) > 0, np.nan, 0)),
        (np.eye(3), np.where(np.eye(3) > 0, np.inf, 0)),
        (np.where(np.eye(3) > 0, np.inf, 0), np.eye(3)),
        (np.eye(3), np.eye(3) + 0.01),
    ],
)
def test_what_is_no_distribution(truth, predicted):
    for score in (composition_scores, calibration_curve):
        with pytest.raises(InputError, match="no shares of a whole"):
            score(truth, predicted)


def test_rounding_of_shares_is_allowed():
    truth = RNG.dirichlet(np.ones(4), 20)
    assert composition_scores(truth.round(4), truth.astype(np.float32))["pearson"] > 0.999
