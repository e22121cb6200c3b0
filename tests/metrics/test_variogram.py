import numpy as np
import pytest
from scipy.optimize import nnls
from scipy.spatial.distance import cdist

from spatialrag.metrics.variogram import kernels_of, mix, pairs_by_distance, variogram

RNG = np.random.default_rng(0)
XY = np.stack(np.meshgrid(np.arange(9.0), np.arange(7.0)), axis=-1).reshape(-1, 2)
XY = np.concatenate([XY, XY[:1]])  # two spots share a place
DISTANCE = cdist(XY, XY)
BINS = pairs_by_distance(DISTANCE, np.random.default_rng(0))


def test_pairs_are_those_of_three_quarters_of_the_distances():
    together = sum(BINS).toarray()
    assert set(np.unique(together)) == {0, 1}
    np.testing.assert_array_equal(together, together.T)
    apart = DISTANCE[np.triu_indices(len(XY), 1)]
    near = np.quantile(apart, 0.75) >= DISTANCE
    np.testing.assert_array_equal(together == 1, near & ~np.eye(len(XY), dtype=bool))
    assert BINS[0].toarray()[0, -1] == 1
    nearest = [DISTANCE[pairs.nonzero()].max() for pairs in BINS]
    assert nearest == sorted(nearest)


def test_many_pairs_are_drawn(monkeypatch):
    monkeypatch.setattr("spatialrag.metrics.variogram._MOST_PAIRS", 200)
    drawn = pairs_by_distance(DISTANCE, np.random.default_rng(0))
    assert 140 <= sum(pairs.nnz for pairs in drawn) / 2 <= 200


def test_variogram_by_its_definition():
    maps = RNG.normal(size=(len(XY), 3))
    found = variogram(maps, BINS)
    for row, pairs in zip(found, BINS, strict=True):
        i, j = pairs.nonzero()
        for gene in range(3):
            squares = [(maps[a, gene] - maps[b, gene]) ** 2 for a, b in zip(i, j, strict=True)]
            assert row[gene] == pytest.approx(np.mean(squares) / 2)


@pytest.mark.parametrize("position", [0, 4, 9])
def test_expected_variogram_against_permuted_maps(position):
    """Of a skewed map, so that nothing rests on a normal distribution."""
    kernel = kernels_of(DISTANCE, BINS)[position]
    values = RNG.exponential(size=len(XY))
    values = (values - values.mean()) / values.std()
    permuted = np.array([RNG.permutation(values) for _ in range(4000)]).T
    averaged = kernel.weights.astype(float) @ permuted
    found = variogram(averaged, BINS).mean(axis=1)
    np.testing.assert_allclose(found, kernel.variogram, rtol=0.1)
    # Leading directions and the rest make up the whole length, on average over permutations.
    leading = (kernel.inner.astype(float) @ permuted) ** 2
    assert np.mean(averaged**2) == pytest.approx(
        leading.sum(axis=0).mean() / len(XY) + kernel.rest, rel=0.05
    )


def test_kernels_average_ever_more():
    powers = [(kernel.weights**2).sum() for kernel in kernels_of(DISTANCE, BINS)]
    assert powers == sorted(powers, reverse=True)
    for kernel in kernels_of(DISTANCE, BINS):
        np.testing.assert_allclose(kernel.weights.sum(axis=0), 0, atol=1e-5)


def test_mixture_against_nonnegative_least_squares():
    shape = np.linspace(0.1, 1, 8)
    empirical = np.column_stack(
        [2 * shape + 0.3, 1 - shape, shape**4, np.full(8, 0.7), RNG.random((8, 20))]
    )
    slope, intercept = mix(shape, empirical)
    for column, found in enumerate(zip(slope, intercept, strict=True)):
        expected = nnls(np.column_stack([shape, np.ones(8)]), empirical[:, column])[0]
        np.testing.assert_allclose(found, expected, atol=1e-10)
