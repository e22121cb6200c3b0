import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.metrics.residuals import pearson_residuals


def test_by_hand():
    found = pearson_residuals(np.array([[3.0, 0]]), np.array([10]), np.array([0.2, 0]), theta=4)
    # mu 2, variance 2 + 4 / 4 = 3; clipped at the square root of one spot.
    np.testing.assert_allclose(found, [[1 / np.sqrt(3), 0]])


def test_against_scanpy():
    scanpy = pytest.importorskip("scanpy")
    counts = np.random.default_rng(0).poisson(2.0, size=(40, 30)).astype(float)
    adata = scanpy.AnnData(counts)
    expected = scanpy.experimental.pp.normalize_pearson_residuals(adata, theta=100, inplace=False)
    shares = counts.sum(axis=0) / counts.sum()
    found = pearson_residuals(counts, counts.sum(axis=1), shares)
    np.testing.assert_allclose(found, expected["X"], atol=1e-5)


def test_clipped_at_the_root_of_the_number_of_spots():
    counts = np.zeros((16, 1))
    counts[0] = 1000
    assert pearson_residuals(counts, np.full(16, 10.0), np.array([0.01])).max() == 4


def test_depth_raises_counts_and_not_residuals():
    rng = np.random.default_rng(1)
    totals = rng.integers(500, 5000, size=3000)
    shares = np.array([0.01, 0.002])
    counts = rng.poisson(np.outer(totals, shares))
    residuals = pearson_residuals(counts, totals, shares)
    assert np.corrcoef(counts[:, 0], totals)[0, 1] > 0.8
    assert abs(np.corrcoef(residuals[:, 0], totals)[0, 1]) < 0.06


@pytest.mark.parametrize(("count", "theta"), [(-1.0, 100.0), (1.0, 0.0)])
def test_what_is_no_count(count, theta):
    with pytest.raises(InputError, match="residuals are of counts"):
        pearson_residuals(np.array([[count]]), np.array([1.0]), np.array([0.1]), theta=theta)
