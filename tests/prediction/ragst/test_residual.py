import numpy as np
from hypothesis import given, settings, strategies as st

from spatialrag.prediction.ragst.residual import fit_residual


def problem(seed, n=60):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5)) + 2
    left = x @ rng.normal(size=(5, 4)) * 3 + 1
    retrieved = rng.normal(size=(n, 4))
    return x, left, retrieved, np.repeat(["a", "b", "c"], n // 3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.floats(0.01, 0.9))
def test_variance_never_exceeds_its_share(seed, share):
    x, left, retrieved, groups = problem(seed)
    known = np.array([True, True, True, False])
    found = fit_residual(x, left, retrieved, known, groups=groups, share=share)
    added = found.predict(x)
    own, other = added.var(axis=0), retrieved.var(axis=0)
    assert (own <= share / (1 - share) * other * (1 + 1e-5)).all()
    assert (np.abs(found.predict(x * 100)) <= found.bound * (1 + 1e-6)).all()
    assert (added[:, 3] == 0).all()


def test_small_residuals_are_the_ridge_itself():
    """Far below its bound, tanh is a line: what retrieval leaves is found, its mean left out."""
    x, left, retrieved, groups = problem(0)
    small = left * 1e-3
    found = fit_residual(x, small, retrieved, np.ones(4, bool), groups=groups, share=0.5)
    np.testing.assert_allclose(found.predict(x), small - small.mean(axis=0), atol=2e-4)


def test_genes_that_retrieval_leaves_flat_get_none():
    x, left, retrieved, groups = problem(0)
    retrieved[:, 1] = 3
    found = fit_residual(x, left, retrieved, np.ones(4, bool), groups=groups, share=0.2)
    assert (found.predict(x)[:, 1] == 0).all()
