import inspect
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors, kneighbors_graph

from spatialrag.errors import InputError
from spatialrag.graphs import feature
from spatialrag.graphs.feature import feature_graph

X = np.random.default_rng(1).random((60, 12))


@pytest.mark.parametrize("elements", [1 << 25, 100])
def test_agrees_with_scikit_learn_dense_and_sparse(monkeypatch, elements):
    monkeypatch.setattr(feature, "_ELEMENTS", elements)
    theirs = kneighbors_graph(X, 7, metric="cosine").toarray()
    distances = kneighbors_graph(X, 7, metric="cosine", mode="distance").toarray()
    for values in (X, sparse.csr_matrix(X)):
        ours = feature_graph(values, k=7)
        np.testing.assert_array_equal(ours.connectivities.toarray(), np.maximum(theirs, theirs.T))
        np.testing.assert_allclose(
            ours.distances.toarray(), np.maximum(distances, distances.T), atol=1e-6
        )


def test_depth_does_not_matter_and_sections_stay_apart():
    depth = np.random.default_rng(2).lognormal(size=(60, 1))
    sections = np.arange(60) % 2
    graph = feature_graph(X * depth, k=4, sections=sections)
    expected = feature_graph(X, k=4, sections=sections)
    np.testing.assert_array_equal(graph.connectivities.toarray(), expected.connectivities.toarray())
    row, column = graph.connectivities.nonzero()
    assert (sections[row] == sections[column]).all()


def test_bad_input():
    empty = X.copy()
    empty[[3, 9]] = 0
    with pytest.raises(InputError, match="no neighbors: 3, 9"):
        feature_graph(empty)
    with pytest.raises(InputError, match="NaN or inf"):
        feature_graph(np.where(X > 0.9, np.nan, X))
    with pytest.raises(InputError, match="1 to 59"):
        feature_graph(X, k=60)


class Forgetful:
    """Stands in for pynndescent's search, which takes half a minute to compile.

    Of each spot's neighbors it lists one wrong: the spot opposite.
    """

    def __init__(self, data, metric="euclidean", n_neighbors=30, random_state=None):
        assert (metric, random_state) == ("cosine", 0)
        near = NearestNeighbors(n_neighbors=n_neighbors, metric=metric).fit(data)
        distance, found = near.kneighbors(data)
        found[:, -1] = near.kneighbors(-data)[1][:, 0]
        self.neighbor_graph = (found.astype(np.int32), distance)


def test_the_recall_of_an_approximate_search(monkeypatch):
    """Five of six neighbors are right for each spot, by scikit-learn."""
    monkeypatch.setitem(sys.modules, "pynndescent", SimpleNamespace(NNDescent=Forgetful))
    values = np.random.default_rng(0).normal(size=(80, 8)).astype(np.float32)
    found = feature_graph(values, k=6, approximate=True)
    assert found.settings["recall"] == pytest.approx(5 / 6)
    listed = Forgetful(values, "cosine", 7, 0).neighbor_graph[0][:, 1:]
    expected = np.zeros((80, 80))
    expected[np.arange(80)[:, None], listed] = 1
    np.testing.assert_array_equal(found.connectivities.toarray(), np.maximum(expected, expected.T))
    cosine = pairwise_distances(values, metric="cosine")
    np.testing.assert_allclose(
        found.distances.toarray(), np.where(np.maximum(expected, expected.T), cosine, 0), atol=1e-6
    )
    with pytest.raises(InputError, match="dense features"):
        feature_graph(sparse.csr_matrix(values), k=6, approximate=True)


def test_what_stands_in_takes_what_pynndescent_takes(parameters_of):
    ours = set(inspect.signature(Forgetful).parameters)
    assert ours <= parameters_of("pynndescent", "pynndescent_.py", "NNDescent")


@pytest.mark.slow
def test_approximate_neighbors_and_their_recall():
    pytest.importorskip("pynndescent")
    values = np.random.default_rng(0).normal(size=(600, 8)).astype(np.float32)
    exact, found = (feature_graph(values, k=6, approximate=a) for a in (False, True))
    assert found.settings["recall"] > 0.9
    shared = found.connectivities.multiply(exact.connectivities).nnz
    assert shared / exact.connectivities.nnz > 0.9
    assert "recall" not in exact.settings
    with pytest.raises(InputError, match="dense features"):
        feature_graph(sparse.csr_matrix(values), k=6, approximate=True)
