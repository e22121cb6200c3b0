import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import sparse

from spatialrag.retrieval.smoothing import fit_smoothing


def draw(seed, n=60, genes=40, rank=3):
    rng = np.random.default_rng(seed)
    level = rng.gamma(2, 1, (n, rank)) @ rng.gamma(1, 1, (rank, genes))
    return sparse.csr_matrix(rng.poisson(level).astype(np.float32)), level


def truncated(values, k):
    """The best approximation of rank k about the mean, by a dense SVD."""
    mean = values.mean(axis=0)
    left, sizes, right = np.linalg.svd(values - mean, full_matrices=False)
    return (left[:, :k] * sizes[:k]) @ right[:k] + mean


@given(seed=st.integers(0, 50), k=st.integers(1, 12))
def test_against_a_dense_decomposition(seed, k):
    counts, _ = draw(seed)
    found = fit_smoothing(counts, np.ones(counts.shape, bool), share=0.5, components=k)
    expected = np.maximum(truncated(counts.toarray().astype(float), k), 0)
    np.testing.assert_allclose(found.values(slice(None)), expected, atol=2e-3)


def test_it_is_nearer_to_what_was_there_than_the_counts_are():
    counts, level = draw(0, n=400)
    found = fit_smoothing(counts, np.ones(counts.shape, bool), share=1.0, components=3)
    error = np.square(found.values(slice(None)) - level).mean()
    assert error < 0.25 * np.square(counts.toarray() - level).mean()


def test_genes_that_some_lack_follow_the_references_that_measured_them():
    counts, level = draw(1, n=300)
    measured = np.ones(counts.shape, bool)
    measured[:100, :5] = False
    seen = sparse.csr_matrix(np.where(measured, counts.toarray(), 0))
    found = fit_smoothing(seen, measured, share=1.0, components=3)
    # Of three principal components per gene, and what a regression on them gives.
    scores = found.scores[100:]
    design = np.column_stack([np.ones(200), scores])
    coefficients = np.linalg.lstsq(design, counts.toarray()[100:, :5], rcond=None)[0]
    expected = np.maximum(design @ coefficients, 0)
    np.testing.assert_allclose(found.values(np.arange(5))[100:], expected, rtol=0.02, atol=0.02)
    assert (
        np.corrcoef(found.values(np.arange(5))[:100].ravel(), level[:100, :5].ravel())[0, 1] > 0.8
    )


def test_a_gene_that_nobody_measured_is_zero():
    counts, _ = draw(2)
    measured = np.ones(counts.shape, bool)
    measured[:, 0] = False
    found = fit_smoothing(counts, measured, share=1.0, components=3)
    assert (found.values(np.array([0])) == 0).all()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_references_are_left_as_they_are_or_reproduced(n):
    counts = draw(3)[0][:n]
    found = fit_smoothing(counts, np.ones(counts.shape, bool), share=1.0, components=32)
    if n == 1:
        assert found is None
    else:
        np.testing.assert_allclose(found.values(slice(None)), counts.toarray(), atol=1e-3)


def test_no_share_needs_nothing():
    counts, _ = draw(4)
    assert fit_smoothing(counts, np.ones(counts.shape, bool), share=0, components=3) is None


def test_references_and_blocks_are_parts_of_the_whole():
    counts, _ = draw(5)
    found = fit_smoothing(counts, np.ones(counts.shape, bool), share=0.3, components=4)
    whole = found.values(slice(None))
    np.testing.assert_array_equal(found.of(np.array([3, 1])).values(slice(None)), whole[[3, 1]])
    parts = [found.values(genes) for genes in found.blocks()]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-6)
