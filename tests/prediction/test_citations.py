import numpy as np
from scipy import sparse

from spatialrag.prediction.citations import cite


def test_only_cited_references_are_kept(references):
    weights = sparse.csr_matrix(([0.6, 0.2, 0.2, 1.0], ([0, 0, 0, 1], [3, 60, 7, 60])), (3, 168))
    citations = cite(references, np.arange(168), weights, "log1p_cp10k")
    assert citations.references.index.tolist() == references.references.index[[3, 7, 60]].tolist()
    assert citations.n_active.tolist() == [3, 1, 0]
    np.testing.assert_allclose(citations.effective_number, [1 / 0.44, 1, 0])
    expected = weights @ references.on_scale("log1p_cp10k")
    np.testing.assert_allclose(citations.sum_expression(), expected.toarray(), rtol=1e-5)
    assert len(citations.thumbnails) == 3


def test_coverage_by_hand(references):
    weights = sparse.csr_matrix(([0.75, -0.25], ([0, 0], [0, 60])), (1, 168))  # toy1 and toy2
    coverage = cite(references, np.arange(168), weights, "counts").coverage[0]
    measured = references.measured[:, :2]
    np.testing.assert_allclose(coverage, 0.75 * measured[:, 0] + 0.25 * measured[:, 1])
