import numpy as np
import pytest
from scipy.optimize import nnls

from spatialrag.solvers.pivoting import solve_gram


def test_non_negative_least_squares_against_scipy(rng):
    designs = rng.normal(size=(6, 15, 10))
    targets = rng.normal(size=(6, 15))
    gram = designs.transpose(0, 2, 1) @ designs
    linear = np.einsum("nij,ni->nj", designs, targets)
    ours = solve_gram(gram, linear, np.zeros(6), np.zeros((6, 10)), positive=True)
    theirs = [nnls(d, t)[0] for d, t in zip(designs, targets, strict=True)]
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


@pytest.mark.parametrize("positive", [True, False])
def test_start_does_not_matter(rng, positive):
    design = rng.normal(size=(20, 12))
    gram = (design.T @ design + 0.1 * np.eye(12))[None]
    linear = (design.T @ rng.normal(size=20))[None]
    starts = [np.zeros((1, 12)), np.abs(rng.normal(size=(1, 12)))]
    answers = [solve_gram(gram, linear, np.array([1.0]), s, positive=positive) for s in starts]
    np.testing.assert_allclose(*answers, atol=1e-9)
