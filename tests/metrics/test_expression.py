import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from spatialrag.errors import InputError
from spatialrag.metrics.expression import (
    errors,
    mean_coexpression,
    null_pcc_k,
    pcc_k,
    pearson_per_gene,
    spearman_per_gene,
    top_gene_overlap,
)

RNG = np.random.default_rng(5)
A, B = RNG.normal(size=(40, 7)), RNG.poisson(2, (40, 7)).astype(float)


def test_against_scipy():
    expected = [stats.pearsonr(a, b).statistic for a, b in zip(A.T, B.T, strict=True)]
    np.testing.assert_allclose(pearson_per_gene(A, B), expected)
    expected = [stats.spearmanr(a, b).statistic for a, b in zip(A.T, B.T, strict=True)]
    np.testing.assert_allclose(spearman_per_gene(A, B), expected)


def test_constants_and_missing_score_zero_and_are_counted():
    predicted = A.copy()
    predicted[:, 0] = 0.1
    predicted[3, 1] = np.nan
    r = pearson_per_gene(predicted, B)
    assert r[:2].tolist() == [0, 0]
    assert len(r) == 7


def test_pcc_k_never_averages_fewer():
    r = np.array([0.1, 0.9, 0.5])
    assert pcc_k(r, 2) == pytest.approx(0.7)
    assert np.isnan(pcc_k(r, 4))


def test_null_level_against_noise():
    noise = [
        pcc_k(pearson_per_gene(RNG.normal(size=(60, 400)), RNG.normal(size=(60, 400))), 10)
        for _ in range(30)
    ]
    assert null_pcc_k(60, 400, 10) == pytest.approx(np.mean(noise), abs=0.02)


def test_errors_by_hand():
    truth = np.array([[0.0, 1], [2, 3]])
    predicted = np.array([[0.0, 1], [4, 3]])
    expected = {"mse": 1.0, "rmse": 1.0, "mae": 0.5, "rvd": pytest.approx(4.5)}
    assert errors(predicted, truth) == expected


@given(seed=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_spot_order_does_not_matter(seed):
    order = np.random.default_rng(seed).permutation(40)
    np.testing.assert_allclose(pearson_per_gene(A[order], B[order]), pearson_per_gene(A, B))


def test_shapes_must_match():
    with pytest.raises(InputError, match="do not match"):
        pearson_per_gene(A, B[:, :3])


def test_top_gene_overlap_by_hand():
    truth = np.array([[5.0, 4, 1, 0], [0, 1, 2, 3]])
    predicted = np.array([[9.0, 1, 8, 0], [np.nan, 1, 2, 9]])
    assert top_gene_overlap(predicted, truth, 2) == 0.75
    assert top_gene_overlap(truth, truth, 3) == 1


def test_coexpression_is_the_mean_over_pairs():
    r = np.corrcoef(B.T)
    expected = r[np.triu_indices(7, 1)].mean()
    assert mean_coexpression(B) == pytest.approx(expected)
    assert mean_coexpression(np.column_stack([B, np.full(40, 3.0)])) == pytest.approx(expected)
    assert mean_coexpression(np.column_stack([A[:, 0], 2 * A[:, 0]])) == pytest.approx(1)
    assert np.isnan(mean_coexpression(A[:, :1]))
