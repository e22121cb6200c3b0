import numpy as np
import pytest
from scipy import optimize

from spatialrag.prediction.backbones.stack.weights import Agreement, weigh


@pytest.mark.parametrize("seed", range(12))
def test_against_a_general_solver(seed):
    rng = np.random.default_rng(seed)
    f, y = rng.normal(size=(40, 4)), rng.normal(size=40)
    f += y[:, None] * rng.uniform(-0.5, 2, size=4)
    gram, product = f.T @ f, f.T @ y
    found = weigh(gram, product)
    theirs = optimize.minimize(
        lambda w: 0.5 * w @ gram @ w - product @ w,
        np.full(4, 0.2),
        jac=lambda w: gram @ w - product,
        bounds=[(0, None)] * 4,
        constraints={"type": "ineq", "fun": lambda w: 1 - w.sum()},
        options={"ftol": 1e-14, "maxiter": 500},
    )
    np.testing.assert_allclose(found, theirs.x, atol=1e-4)
    assert found.min() >= 0
    assert found.sum() <= 1 + 1e-9


def test_nothing_helps_and_twins_share():
    assert weigh(np.eye(3), np.array([-1.0, -2, 0])).tolist() == [0, 0, 0]
    twins = weigh(np.ones((2, 2)), np.ones(2))
    assert twins.sum() == pytest.approx(1, abs=1e-6)
    assert weigh(np.zeros((2, 2)), np.zeros(2)).tolist() == [0, 0]


def test_agreement_of_pooled_standardized_deviations():
    """The normal equations of a least-squares fit over all folds, genes and spots at once."""
    rng = np.random.default_rng(0)
    slides = np.repeat(["a", "b"], 15)
    truth = rng.normal(size=(30, 6)) * np.arange(1, 7) + (slides == "a")[:, None] * 50
    members = [truth + rng.normal(size=truth.shape) * 0.5, rng.normal(size=truth.shape) * 4]
    group, scale = np.array([0, 0, 0, 1, 1, 1]), np.arange(1.0, 7) ** 2
    agreement = Agreement(np.zeros((2, 2, 2)), np.zeros((2, 2)), group, scale)
    for slide in "ab":
        rows = slides == slide
        agreement.add([m[rows] for m in members], truth[rows], slides[rows])

    def flat(values, genes):
        parts = [values[slides == s][:, genes] for s in "ab"]
        parts = [(p - p.mean(axis=0)) / np.sqrt(scale[genes]) for p in parts]
        return np.concatenate(parts).ravel()

    for g in (0, 1):
        genes = group == g
        f = np.stack([flat(m, genes) for m in members], axis=1)
        np.testing.assert_allclose(agreement.gram[g], f.T @ f)
        np.testing.assert_allclose(agreement.product[g], f.T @ flat(truth, genes))
    # The member that knows the truth has nearly all of the weight.
    fitted = agreement.weights(trust=1)
    assert (fitted[:, 0] > 0.6).all()
    assert (fitted[:, 1] < 0.2).all()
    np.testing.assert_allclose(agreement.weights(trust=0), 0.5)
    np.testing.assert_allclose(agreement.weights(trust=0.5), (fitted + 0.5) / 2)
