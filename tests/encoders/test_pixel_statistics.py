import numpy as np
import pytest

from spatialrag.encoders.pixel_statistics import Levels, moments, quantiles

RNG = np.random.default_rng(0)
PROBABILITIES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
ROWS = {
    "uniform": RNG.random,
    "skewed": lambda n: RNG.random(n) ** 9,
    "few values": lambda n: np.round(RNG.random(n), 1),
    "mostly zeros": lambda n: np.maximum(RNG.random(n) - 0.8, 0),
    "zeros": np.zeros,
    "constant": lambda n: np.full(n, 0.3),
    "one outlier": lambda n: np.r_[1e6, RNG.random(n - 1)],
    "tiny": lambda n: RNG.random(n) * 1e-300,
}


@pytest.mark.parametrize("n", [1, 2, 7, 100, 4096])
def test_quantiles_are_numpys_to_the_last_bit(n):
    values = np.stack([make(n) for make in ROWS.values()])
    expected = np.quantile(values, PROBABILITIES, axis=1)
    np.testing.assert_array_equal(quantiles(values, PROBABILITIES), expected)


def test_moments_are_numpys():
    values = RNG.random((4, 1000))
    mean, spread = moments(values)
    np.testing.assert_allclose(mean, values.mean(axis=1), rtol=1e-14)
    np.testing.assert_allclose(spread, values.std(axis=1), rtol=1e-13)


@pytest.mark.parametrize("n", [1, 2, 500])
def test_levels_are_counted(n):
    table = np.arange(256) / 255
    levels = RNG.integers(0, 256, (3, n), dtype=np.uint8)
    levels[2] = 255
    counted = Levels(levels, table)
    mean, spread = counted.moments()
    np.testing.assert_allclose(mean, table[levels].mean(axis=1), rtol=1e-14)
    np.testing.assert_allclose(spread, table[levels].std(axis=1), atol=1e-14)
    np.testing.assert_array_equal(
        counted.quantiles(PROBABILITIES), np.quantile(table[levels], PROBABILITIES, axis=1)
    )
