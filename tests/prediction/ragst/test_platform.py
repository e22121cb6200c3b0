import numpy as np

from spatialrag.prediction.ragst.platform import learn_platform


def test_factors_are_ratios_and_the_prior_serves_the_rest():
    spots = np.array([200.0, 10.0, 90.0, 0.0])
    mixed = np.array([100.0, 20.0, 30.0, 50.0])
    found = learn_platform(spots, mixed, np.array([True, True, True, False]))
    assert found.prior == 2
    np.testing.assert_allclose(found.factors, [2, 0.5, 3, 2], rtol=0.01)
    assert found.learned.tolist() == [True, True, True, False]


def test_rare_genes_stay_near_the_prior_and_none_runs_away():
    spots = np.array([100.0, 0.001, 100.0])
    mixed = np.array([100.0, 0.0, 0.0001])
    found = learn_platform(spots, mixed, np.ones(3, bool))
    assert 0.9 < found.factors[1] / found.prior < 1.1
    assert found.factors[2] == 50 * found.prior
