import numpy as np
import pytest
from scipy import optimize, sparse

from spatialrag.cells.build import cells_from_anndata
from spatialrag.cells.deconvolve import (
    Deconvolution,
    deconvolve,
    platform_factors,
    poisson_mixture,
)
from spatialrag.errors import InputError


@pytest.fixture
def cells(adata):
    return cells_from_anndata(adata, dataset="one")


def mixtures(profiles, n=40, depth=3000, factors=1.0, seed=1):
    rng = np.random.default_rng(seed)
    truth = rng.dirichlet(np.full(len(profiles), 0.7), size=n)
    mean = truth @ profiles * factors
    return truth, rng.poisson(depth * mean / mean.sum(axis=1, keepdims=True)).astype(float)


def test_mixture_reaches_the_optimum_of_a_general_solver(profiles):
    _, y = mixtures(profiles, n=1, depth=500)

    def loss(w):
        mean = w @ profiles
        return mean.sum() - (y[0] * np.log(mean)).sum()

    start = np.full(3, y.sum() / 3)
    found = optimize.minimize(loss, start, bounds=[(1e-9, None)] * 3, tol=1e-12, method="L-BFGS-B")
    ours = poisson_mixture(y, profiles, 5000)[0]
    assert loss(ours) <= found.fun + 1e-6 * abs(found.fun)
    np.testing.assert_allclose(ours, found.x, rtol=1e-2, atol=0.5)


def test_mixture_keeps_the_total(profiles):
    """Known of the Poisson likelihood: fitted counts sum to the observed ones."""
    _, y = mixtures(profiles)
    fitted = poisson_mixture(y, profiles, 50) @ profiles
    np.testing.assert_allclose(fitted.sum(axis=1), y.sum(axis=1), rtol=1e-9)


def test_proportions_of_synthetic_mixtures(cells, profiles):
    truth, y = mixtures(profiles)
    spots = np.array([f"s:{i}" for i in range(len(y))])
    found = deconvolve(sparse.csr_matrix(y), cells.genes, spots, cells)
    assert found.types.tolist() == ["CAFs", "Epithelial", "T-cells"]
    expected = truth[:, [1, 0, 2]]
    assert np.abs(found.values - expected).mean() < 0.02
    assert np.corrcoef(found.values.ravel(), expected.ravel())[0, 1] > 0.98


def test_platform_factors_are_found(cells, profiles):
    rng = np.random.default_rng(0)
    factors = np.exp(rng.normal(0, 1, profiles.shape[1]))
    truth, y = mixtures(profiles, n=300, factors=factors)
    estimated = platform_factors(y, profiles, prior=0)
    assert np.corrcoef(np.log(estimated), np.log(factors))[0, 1] > 0.95
    spots = np.arange(len(y)).astype(str)
    errors = [
        np.abs(
            deconvolve(
                sparse.csr_matrix(y),
                cells.genes,
                spots,
                cells,
                settings=Deconvolution(platform=platform),
            ).values
            - truth[:, [1, 0, 2]]
        ).mean()
        for platform in (True, False)
    ]
    assert errors[0] < errors[1]


def test_genes_with_few_counts_keep_factor_one(profiles):
    factors = platform_factors(np.ones((1, 90)) * 0.01, profiles, prior=1000.0)
    np.testing.assert_allclose(factors, 1, atol=1e-3)


def test_spots_without_counts_are_left_out(cells, profiles):
    _, y = mixtures(profiles, n=5)
    y[2] = 0
    found = deconvolve(sparse.csr_matrix(y), cells.genes, np.array(list("abcde")), cells)
    assert found.spots.tolist() == ["a", "b", "d", "e"]


def test_bad_input(cells, profiles):
    _, y = mixtures(profiles, n=3)
    spots = np.array(["a", "b", "c"])
    with pytest.raises(InputError, match="needs counts"):
        deconvolve(sparse.csr_matrix(y + 0.5), cells.genes, spots, cells)
    with pytest.raises(InputError, match=r"(?s)0 genes.*one species"):
        deconvolve(sparse.csr_matrix(y), np.char.add("x", cells.genes), spots, cells)
    with pytest.raises(InputError, match="at least 2 genes"):
        Deconvolution(n_genes=1)
