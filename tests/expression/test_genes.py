import numpy as np
import pytest
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.expression.genes import coexpressed, gene_variance, rank_by_variance, spread_columns

RNG = np.random.default_rng(0)


def test_variance_against_numpy():
    values = RNG.poisson(1.0, (50, 8)).astype(np.float32)
    np.testing.assert_allclose(
        gene_variance(sparse.csr_matrix(values)), values.var(axis=0), rtol=1e-5
    )
    np.testing.assert_allclose(gene_variance(values), values.var(axis=0), rtol=1e-5)


def test_ranking_skips_what_is_not_eligible():
    values = np.array([[0, 0, 0], [1, 5, 3.0]])
    assert rank_by_variance(values, np.array([True, False, True])).tolist() == [2, 0]


def test_coexpressed_finds_the_module():
    factor = RNG.normal(size=(200, 1))
    values = RNG.normal(size=(200, 12))
    values[:, [2, 5, 7]] += 3 * factor
    assert set(coexpressed(values, np.arange(12), 3, degree=2)) == {2, 5, 7}
    with pytest.raises(InputError, match="at least two"):
        coexpressed(values, np.array([1]), 1)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_coexpression_against_numpy(kind, monkeypatch):
    """Mean absolute r with the closest genes, whatever the blocks; a constant gene has none."""
    monkeypatch.setattr("spatialrag.expression.genes._BLOCK", 7)
    rng = np.random.default_rng(1)
    values = rng.poisson(rng.gamma(1, 2, (60, 1)) * rng.gamma(4, 1, 33)).astype(np.float32)
    values[:, 4] = 6
    candidates = np.delete(np.arange(33), [0, 7, 20])
    varying = candidates[candidates != 4]
    r = np.abs(np.corrcoef(values[:, varying].T)) - np.eye(len(varying))
    score = np.sort(r, axis=1)[:, ::-1][:, :6].mean(axis=1)
    expected = varying[np.argsort(-score)]
    found = coexpressed(kind(values), candidates, 40, degree=6)
    assert found.tolist() == [*expected, 4]
    assert coexpressed(kind(values), candidates, 5, degree=6).tolist() == expected[:5].tolist()


def test_columns_spread_into_a_wider_matrix():
    matrix = sparse.csr_matrix([[1.0, 0, 2], [0, 3, 0]])
    wide = spread_columns(matrix, np.array([1, 2, 4]), 6)
    np.testing.assert_array_equal(wide.toarray(), [[0, 1, 0, 0, 2, 0], [0, 0, 3, 0, 0, 0]])
