import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from spatialrag.domains.consensus.components import Expression


def logs(n=60, genes=25):
    rng = np.random.default_rng(0)
    values = rng.gamma(1, 1, (n, genes)) * rng.uniform(0.2, 2, genes)
    values[rng.random((n, genes)) < 0.5] = 0
    return sparse.csr_matrix(values)


@pytest.mark.parametrize("scaled", [False, True])
def test_components_are_scikit_learns(scaled):
    given = logs()
    expression = Expression(given, None, scaled=scaled)
    found = expression.along(expression.axes(5))
    values = given.toarray()
    values = StandardScaler().fit_transform(values) if scaled else values
    expected = PCA(5).fit_transform(values)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-7)


def test_each_section_is_brought_to_one_level():
    given = logs().toarray()
    sections = np.repeat(["a", "b"], 30)
    moved = given * np.where(sections == "a", 1.0, 3.0)[:, None] + (sections == "b")[:, None]
    found = Expression(sparse.csr_matrix(moved), sections, scaled=True)
    axes = found.axes(4)
    values = found.along(axes)
    np.testing.assert_allclose(values[:30].mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(values[30:].mean(axis=0), 0, atol=1e-9)
    same = Expression(sparse.csr_matrix(given), sections, scaled=True)
    np.testing.assert_allclose(np.abs(same.along(axes)), np.abs(values), atol=1e-9)


def test_axes_of_means_are_those_of_smoothed_expression():
    given = logs()
    smoother = sparse.csr_matrix(np.full((60, 60), 1 / 120) + np.eye(60) / 2)
    expression = Expression(given, None, scaled=False)
    axes = expression.axes(3, smoother)
    values = given.toarray()
    smoothed = smoother @ (values - values.mean(axis=0))
    expected = np.linalg.svd(smoothed, full_matrices=False)[2][:3].T
    np.testing.assert_allclose(np.abs(axes), np.abs(expected), atol=1e-7)


def test_rare_genes_are_cut():
    values = np.zeros((400, 3))
    values[0, 0] = 50.0
    values[:, 1] = np.arange(400) % 2
    values[:, 2] = np.arange(400) % 3
    found = Expression(sparse.csr_matrix(values), None, scaled=True).along(np.eye(3))
    assert found[0, 0] == pytest.approx(10.0, abs=0.03)  # above the mean
