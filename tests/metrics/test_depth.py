import numpy as np
import pytest
from scipy import stats

from spatialrag.errors import InputError
from spatialrag.metrics.depth import partial_pearson_per_gene
from spatialrag.metrics.expression import pearson_per_gene

RNG = np.random.default_rng(0)


def test_against_the_formula_of_three_correlations():
    depth = RNG.normal(size=50)
    x, y = (RNG.normal(size=(50, 6)) + depth[:, None] * RNG.normal(size=6) for _ in range(2))
    for j, found in enumerate(partial_pearson_per_gene(x, y, depth)):
        xy, xz, yz = (
            stats.pearsonr(a, b).statistic
            for a, b in ((x[:, j], y[:, j]), (x[:, j], depth), (y[:, j], depth))
        )
        expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
        assert found == pytest.approx(expected, abs=1e-12)


def test_depth_itself_scores_nothing():
    depth = RNG.normal(size=50)
    measured = RNG.normal(size=(50, 3)) + depth[:, None]
    levels = np.array([3.0, 5, 50])
    maps = (np.outer(depth, [1.0, -2, 0.1]) + levels).astype(np.float32)
    assert pearson_per_gene(maps, measured)[0] > 0.3
    np.testing.assert_array_equal(partial_pearson_per_gene(maps, measured, depth), 0)


def test_a_constant_covariate_changes_nothing():
    x, y = RNG.normal(size=(2, 20, 4))
    found = partial_pearson_per_gene(x, y, np.full(20, 7.1))
    np.testing.assert_allclose(found, pearson_per_gene(x, y), atol=1e-12)


def test_missing_values_are_their_genes_mean():
    x, y = RNG.normal(size=(2, 20, 2))
    x[3, 0] = np.nan
    filled = np.where(np.isnan(x), np.nanmean(x, axis=0), x)
    depth = RNG.normal(size=20)
    np.testing.assert_allclose(
        partial_pearson_per_gene(x, y, depth), partial_pearson_per_gene(filled, y, depth)
    )


@pytest.mark.parametrize("given", [np.ones(3), np.full(20, np.nan)])
def test_a_covariate_that_does_not_fit(given):
    with pytest.raises(InputError, match=r"(?s)covariate.*\(20,\) finite"):
        partial_pearson_per_gene(np.ones((20, 1)), np.ones((20, 1)), given)
