import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from spatialrag.errors import InputError
from spatialrag.metrics.expression import (
    centered,
    chance_among_top,
    errors,
    fill_missing,
    is_constant,
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


def test_constants_and_missing_score_zero():
    predicted, measured = A.copy(), B.copy()
    predicted[:, 0] = 0.1
    predicted[:, 1] = np.nan
    predicted[1:, 2] = np.nan
    measured[:, 3] = 7
    for score in (pearson_per_gene, spearman_per_gene):
        r = score(predicted, measured)
        assert r[:4].tolist() == [0, 0, 0, 0]
        assert (r[4:] != 0).all()


@pytest.mark.parametrize("score", [pearson_per_gene, spearman_per_gene])
def test_a_missing_value_says_nothing_of_its_spot(score):
    """It is the gene's mean (of ranks, for Spearman); one of 40 costs little, and never pays."""
    holes = np.random.default_rng(0).random(A.shape) < 0.3
    predicted = np.where(holes, np.nan, A + B)
    found = score(predicted, B)
    for gene in range(A.shape[1]):
        there = ~holes[:, gene]
        x, y = (A + B)[there, gene], B[:, gene]
        if score is spearman_per_gene:
            x, y = stats.rankdata(x), stats.rankdata(y)
        filled = np.full(40, x.mean())
        filled[there] = x
        assert found[gene] == pytest.approx(stats.pearsonr(filled, y).statistic)
        assert abs(found[gene]) <= abs(stats.pearsonr(x, y[there]).statistic) + 1e-12
    one = A + B
    one[3, 1] = np.nan
    assert score(one, B)[1] == pytest.approx(score(A + B, B)[1], abs=0.05)
    masked = np.ma.masked_array(A + B, holes)
    np.testing.assert_array_equal(score(masked, B), found)


@given(st.floats(-150, 150), st.floats(-1e6, 1e6))
@settings(max_examples=30, deadline=None)
def test_scale_does_not_matter(power, shift):
    x = A[:, :3] * 10.0**power
    np.testing.assert_allclose(pearson_per_gene(x, B[:, :3]), pearson_per_gene(A, B)[:3], atol=1e-7)
    np.testing.assert_allclose(pearson_per_gene(A + shift, B), pearson_per_gene(A, B), atol=1e-7)


def test_rounding_is_no_variation():
    values = np.column_stack(
        [np.full(9, 1e12) + 0.1, np.arange(9) * 1e-9, np.zeros(9), [np.nan] * 9]
    )
    values[4, 0] += 1e-4
    assert is_constant(values).tolist() == [True, False, True, True]
    assert is_constant(np.zeros((0, 2))).all()
    z = centered(values[:, :3])
    assert (z[:, [0, 2]] == 0).all()
    np.testing.assert_allclose(z[:, 1], np.linspace(-1, 1, 9))
    np.testing.assert_array_equal(fill_missing(values)[:, 3], 0)


@pytest.mark.parametrize(
    ("predicted", "measured", "message"),
    [
        (A, np.where(B == 0, np.nan, B), "missing or infinite"),
        (A, np.where(B == 0, np.inf, B), "missing or infinite"),
        (np.where(A > 2, np.inf, A), B, "infinite values"),
        (A[:0], B[:0], "no spot to score"),
        (A + 1j, B, "complex"),
        (A[0], B[0], "do not match"),
    ],
)
def test_what_cannot_be_scored(predicted, measured, message):
    for score in (pearson_per_gene, spearman_per_gene, errors, top_gene_overlap):
        with pytest.raises(InputError, match=message):
            score(predicted, measured)


def test_one_spot_or_no_gene():
    assert (pearson_per_gene(A[:1], B[:1]) == 0).all()
    assert (spearman_per_gene(A[:1], B[:1]) == 0).all()
    assert errors(A[:1], B[:1])["mae"] == pytest.approx(np.abs(A[0] - B[0]).mean())
    assert pearson_per_gene(A[:, :0], B[:, :0]).shape == (0,)
    assert np.isnan(top_gene_overlap(A[:, :0], B[:, :0]))


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


def test_null_level_where_it_is_known():
    """Of four spots null correlations are uniform, and means of order statistics i / (n + 1)."""
    for n, k in ((20, 1), (20, 7), (300, 50), (5000, 10), (5000, 4999)):
        ranks = np.arange(n - k + 1, n + 1)
        assert null_pcc_k(4, n, k) == pytest.approx(np.mean(2 * ranks / (n + 1) - 1), abs=1e-6)


@given(st.integers(3, 3000), st.integers(1, 5000), st.integers(1, 5000))
@settings(max_examples=40, deadline=None)
def test_null_level_is_never_negative(n_spots, n_genes, k):
    level = null_pcc_k(n_spots, n_genes, k)
    if k > n_genes:
        assert np.isnan(level)
    elif k == n_genes:
        assert level == 0
    else:
        assert 0 <= level <= 1
    assert np.isnan(null_pcc_k(2, 10, 5))


def test_errors_by_hand():
    truth = np.array([[0.0, 1], [2, 3]])
    predicted = np.array([[0.0, 1], [4, 3]])
    expected = {"mse": 1.0, "rmse": 1.0, "mae": 0.5, "rvd": pytest.approx(4.5)}
    assert errors(predicted, truth) == expected


def test_errors_are_of_what_was_predicted():
    predicted = np.where(np.random.default_rng(1).random(A.shape) < 0.4, np.nan, A)
    predicted[:, 2] = np.nan
    measured = B.copy()
    measured[:, 4] = 0.1  # constant: no RVD
    squares, ratios = [], []
    for gene in range(A.shape[1]):
        there = ~np.isnan(predicted[:, gene])
        x, y = predicted[there, gene], measured[there, gene]
        squares += list((x - y) ** 2)
        if len(set(y)) > 1:
            ratios.append((np.var(x) / np.var(y) - 1) ** 2)
    found = errors(predicted, measured)
    assert found["mse"] == pytest.approx(np.mean(squares))
    assert found["rvd"] == pytest.approx(np.mean(ratios))
    assert all(np.isnan(value) for value in errors(np.full_like(A, np.nan), B).values())


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


def top_sets(values, k, rng):
    """The k highest of each row by sorting, ties in random order; missing ones left out."""
    keys = np.lexsort((rng.random(values.shape), np.nan_to_num(-values, nan=np.inf)), axis=1)
    return [{g for g in row[:k] if not np.isnan(v[g])} for row, v in zip(keys, values, strict=True)]


@pytest.mark.parametrize("k", [1, 3, 7])
def test_overlap_against_ties_broken_at_random(k):
    rng = np.random.default_rng(k)
    measured = rng.integers(0, 3, (5, 9)).astype(float)
    predicted = rng.integers(0, 4, (5, 9)).astype(float)
    predicted[rng.random((5, 9)) < 0.3] = np.nan
    drawn = [
        [
            len(a & b) / k
            for a, b in zip(top_sets(predicted, k, rng), top_sets(measured, k, rng), strict=True)
        ]
        for _ in range(3000)
    ]
    assert top_gene_overlap(predicted, measured, k) == pytest.approx(np.mean(drawn), abs=0.01)
    counts = np.zeros((5, 9))
    for _ in range(3000):
        for row, chosen in enumerate(top_sets(predicted, k, rng)):
            counts[row, list(chosen)] += 1
    np.testing.assert_allclose(chance_among_top(predicted, k), counts / 3000, atol=0.04)


def test_nothing_gets_no_overlap_but_chance():
    """Genes in the order of their variance, as panels are: position must not help."""
    truth = RNG.poisson(np.linspace(9, 0.2, 200), (30, 200)).astype(float)
    assert top_gene_overlap(np.full_like(truth, 3.3), truth) == pytest.approx(0.25)
    assert top_gene_overlap(np.full_like(truth, np.nan), truth) == 0
    half = np.where(np.arange(200) < 20, truth, np.nan)
    assert top_gene_overlap(half, truth) <= 20 / 50
    assert top_gene_overlap(truth + RNG.random(truth.shape) / 9, truth) <= top_gene_overlap(
        truth, truth
    )


def test_coexpression_is_the_mean_over_pairs():
    r = np.corrcoef(B.T)
    expected = r[np.triu_indices(7, 1)].mean()
    assert mean_coexpression(B) == pytest.approx(expected)
    assert mean_coexpression(np.column_stack([B, np.full(40, 3.0)])) == pytest.approx(expected)
    assert mean_coexpression(np.column_stack([A[:, 0], 2 * A[:, 0]])) == pytest.approx(1)
    assert np.isnan(mean_coexpression(A[:, :1]))
