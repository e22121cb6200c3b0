import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from spatialrag.domains.consensus.partitions import kmeans, tied_mixture


def clusters(seed=0, n=90):
    """Three long parallel clouds."""
    rng = np.random.default_rng(seed)
    truth = np.repeat([0, 1, 2], n)
    values = rng.normal(size=(3 * n, 2)) * [3.0, 0.5]
    values[:, 1] += 3 * truth
    return values, truth


def test_mixture_is_scikit_learns():
    rng = np.random.default_rng(1)
    truth = np.repeat([0, 1, 2], 80)
    values = rng.normal(size=(240, 4)) + 5 * np.eye(4)[truth]
    found = tied_mixture(values, 3)
    expected = GaussianMixture(3, covariance_type="tied", random_state=0).fit_predict(values)
    assert adjusted_rand_score(found, expected) == 1


def test_outliers_are_no_part_of_a_mixture():
    values, _ = clusters()
    values = np.concatenate([values, [[0, 25.0]]])
    found = tied_mixture(values, 3)
    assert np.bincount(found).min() >= 3


@pytest.mark.parametrize("fit", [kmeans, tied_mixture])
def test_same_seed_same_partition(fit):
    values, _ = clusters()
    np.testing.assert_array_equal(fit(values, 4, rng=3), fit(values, 4, rng=3))


def test_parts_may_be_fitted_on_some_spots():
    rng = np.random.default_rng(2)
    truth = np.repeat([0, 1], 50)
    values = rng.normal(size=(100, 3)) + 8 * truth[:, None]
    found = kmeans(values, 2, fitted_on=np.arange(0, 100, 7))
    assert adjusted_rand_score(truth, found) == 1
