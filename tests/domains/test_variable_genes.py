import numpy as np
import pytest
from scipy import sparse

from spatialrag.domains.variable_genes import variable_genes


def counts(n=80, genes=200, rate=3.0):
    rng = np.random.default_rng(0)
    rates = np.repeat(rate * rng.uniform(0.5, 2, genes)[None], n, axis=0)
    rates[:, 10] = np.where(np.arange(n) < n // 2, 0.1, 9)
    return sparse.csr_matrix(rng.poisson(rates).astype(np.float32))


def test_scanpys_rule_where_it_can():
    pytest.importorskip("skmisc")
    chosen, rule = variable_genes(counts(), 5, counted=True)
    assert (chosen.sum(), rule) == (5, "seurat_v3, span 0.3")
    assert chosen[10]


@pytest.mark.parametrize("n", [6, 15, 40])
def test_small_and_shallow_sections_are_ranked_by_a_rule_that_is_said(n):
    """Genes with the same few means: loess is singular, and scanpy raises."""
    rng = np.random.default_rng(1)
    shallow = sparse.csr_matrix((rng.random((n, 400)) < 0.05).astype(np.float32))
    with pytest.warns(UserWarning, match="variable genes: "):
        chosen, rule = variable_genes(shallow, 100, counted=True)
    assert chosen.sum() == 100
    assert rule != "seurat_v3, span 0.3"


def test_logarithms_are_ranked_by_the_mean_variance_within_sections():
    values = np.zeros((8, 3))
    values[:, 0] = np.repeat([0, 9], 4)  # between sections alone
    values[:, 1] = np.tile([0, 1], 4)
    sections = np.repeat(["a", "b"], 4)
    found, rule = variable_genes(sparse.csr_matrix(values), 1, counted=False, sections=sections)
    assert (found.tolist(), rule) == ([False, True, False], "variance")
    assert variable_genes(sparse.csr_matrix(values), 1, counted=False)[0].argmax() == 0
