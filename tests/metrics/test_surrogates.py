from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from spatialrag.errors import InputError
from spatialrag.metrics.surrogates import pooled_p_values, surrogates_of

SIDE = 13
XY = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1).reshape(-1, 2) * 100.0
DISTANCE = cdist(XY, XY)


def random_maps(n, length, seed, noise=0.0):
    """Gaussian random fields of a known covariance."""
    covariance = (1 - noise) * np.exp(-0.5 * (DISTANCE / length) ** 2)
    covariance += (noise + 1e-6) * np.eye(len(XY))
    rng = np.random.default_rng(seed)
    return np.linalg.cholesky(covariance) @ rng.standard_normal((len(XY), n))


def half_squared_differences(maps, edges):
    """The variogram of (n_maps, n_spots), pair by pair."""
    i, j = np.triu_indices(len(XY), 1)
    squares = (maps[:, i] - maps[:, j]) ** 2 / 2
    apart = DISTANCE[i, j]
    return np.array([squares[:, (apart > a) & (apart <= b)].mean() for a, b in pairwise(edges)])


@pytest.fixture(scope="module")
def surrogates():
    return surrogates_of(XY)


@pytest.mark.parametrize(("length", "noise"), [(200, 0.0), (200, 0.5), (350, 0.1), (1, 0.0)])
def test_surrogates_have_the_maps_variogram(surrogates, length, noise):
    """Of smooth maps, of maps with noise, and of white ones; several, since each has its own."""
    maps = 5 + 3 * random_maps(12, length, seed=3, noise=noise)
    edges = [0, 110, 210, 320, 430, 640]
    own = np.mean([half_squared_differences(m[None], edges) for m in maps.T], axis=0)
    made = [surrogates.maps(m) for m in maps.T]
    theirs = np.mean([half_squared_differences(each, edges) for each in made], axis=0)
    # Half of what is left out by a least-squares fit of few kernels stays below a tenth of sill.
    np.testing.assert_allclose(theirs, own, atol=0.1 * own.max(), rtol=0.1)


def test_surrogates_have_the_maps_level_and_nothing_of_its_pattern(surrogates):
    values = 5 + 3 * random_maps(1, 200, seed=5)[:, 0]
    made = surrogates.maps(values)
    assert made.shape == (200, len(XY))
    np.testing.assert_allclose(made.mean(axis=1), values.mean(), atol=1e-5)
    assert made.std(axis=1).mean() == pytest.approx(values.std(), rel=0.15)
    r = [np.corrcoef(values, each)[0, 1] for each in made]
    assert abs(np.mean(r)) < 4 * np.std(r) / np.sqrt(200)


@pytest.mark.parametrize(("side", "tolerance"), [(5, 2e-5), (13, 0.02)])
def test_products_are_the_correlations_of_the_maps(side, tolerance):
    """Exact for few spots; for many, lengths are followed in the leading directions."""
    keep = (side * 100 > XY).all(axis=1)
    few = surrogates_of(XY[keep], n=40)
    predicted = np.hstack([random_maps(4, length, 1, 0.2)[keep] for length in (1, 150, 300, 900)])
    measured = random_maps(16, 150, seed=2)[keep]
    found = few.correlations(predicted, measured)
    for gene in range(16):
        made = few.maps(predicted[:, gene])
        expected = [np.corrcoef(each, measured[:, gene])[0, 1] for each in made]
        np.testing.assert_allclose(found[:, gene], expected, atol=tolerance)


def test_one_map_for_all_genes_is_drawn_once(surrogates):
    depth = random_maps(1, 200, seed=4)
    predicted = depth * [1.0, 0.3, 20.0] + [0.0, 7.0, 1.0]
    measured = random_maps(3, 200, seed=6)
    found = surrogates.correlations(predicted, measured)
    made = surrogates.maps(depth[:, 0])
    for gene in range(3):
        expected = [np.corrcoef(each, measured[:, gene])[0, 1] for each in made]
        np.testing.assert_allclose(found[:, gene], expected, atol=1e-4)


def test_genes_that_do_not_vary_have_no_surrogates(surrogates):
    predicted, measured = random_maps(3, 200, seed=1), random_maps(3, 200, seed=2)
    predicted[:, 0], measured[:, 1] = 0.1, 3
    found = surrogates.correlations(predicted, measured)
    assert (found[:, :2] == 0).all()
    assert (found[:, 2] != 0).all()
    np.testing.assert_array_equal(pooled_p_values(np.array([0, 0, 0.9]), found)[:2], 1)
    np.testing.assert_allclose(surrogates.maps(predicted[:, 0]), 0.1)
    assert (surrogates.correlations(predicted[:, :1], measured[:, :1]) == 0).all()


@pytest.mark.parametrize(("length", "noise"), [(1, 0.0), (200, 0.0), (250, 0.4), (500, 0.0)])
def test_smooth_maps_that_know_nothing_are_as_rare_as_they_should_be(surrogates, length, noise):
    n = 400
    predicted = random_maps(n, length, seed=10, noise=noise)
    measured = random_maps(n, length, seed=11, noise=0.3)
    r = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(predicted.T, measured.T, strict=True)])
    p = pooled_p_values(r, surrogates.correlations(predicted, measured))
    assert 0.02 <= np.mean(p < 0.05) <= 0.085
    assert stats.kstest(p, "uniform").pvalue > 1e-3
    independent = stats.t.sf(r * np.sqrt((len(XY) - 2) / (1 - r**2)), len(XY) - 2)
    if length > 1:
        assert np.mean(independent < 0.05) > 0.2
    assert (stats.false_discovery_control(p) <= 0.05).mean() < 0.02


def test_maps_that_follow_the_truth_are_found(surrogates):
    measured = random_maps(100, 200, seed=20)
    predicted = random_maps(100, 200, seed=21)
    predicted[:, :30] = 0.7 * measured[:, :30] + 0.7 * predicted[:, :30]
    r = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(predicted.T, measured.T, strict=True)])
    p = pooled_p_values(r, surrogates.correlations(predicted, measured))
    found = stats.false_discovery_control(p) <= 0.05
    assert found[:30].mean() > 0.9
    assert found[30:].mean() < 0.06


def test_pooled_p_values_of_normal_nulls():
    """Genes of very different spread, each a normal in Fisher's z: tails as they are known."""
    spread = np.repeat([0.05, 0.1, 0.4], 200)
    null = np.tanh(np.random.default_rng(0).normal(0, spread, (200, 600)))
    z = np.tile([-1.0, 0, 1, 2, 3, 4], 100)
    p = pooled_p_values(np.tanh(z * spread), null)
    for each in np.unique(z):
        assert np.median(p[z == each]) == pytest.approx(stats.norm.sf(each), rel=0.25)
    assert (p > 0).all()


def test_the_same_seed_draws_the_same_and_large_slides_are_sampled(monkeypatch):
    predicted, measured = random_maps(4, 200, seed=1), random_maps(4, 200, seed=2)
    one, again, other = (
        surrogates_of(XY, n=20, seed=seed).correlations(predicted, measured) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    monkeypatch.setattr("spatialrag.metrics.surrogates._MOST_SPOTS", 60)
    sampled = surrogates_of(XY, n=20)
    assert len(np.unique(sampled.spots)) == 60
    assert sampled.correlations(predicted, measured).shape == (20, 4)
    assert sampled.maps(predicted[:, 0]).shape == (20, 60)


def test_what_cannot_be_drawn(surrogates):
    for xy in (XY[:9], np.zeros((20, 2)), np.where(XY == 100, np.nan, XY)):
        with pytest.raises(InputError, match="smooth maps cannot be drawn"):
            surrogates_of(xy)
    with pytest.raises(InputError, match="maps and places do not match"):
        surrogates.correlations(np.zeros((5, 2)), np.zeros((5, 2)))


def test_spots_that_share_places():
    xy = XY[:60] // 200
    few = surrogates_of(xy, n=30)
    made = few.correlations(random_maps(5, 200, 1)[:60], random_maps(5, 200, 2)[:60])
    assert np.isfinite(made).all()
    assert (np.abs(made) <= 1).all()
