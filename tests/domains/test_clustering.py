import numpy as np
import pytest
from scipy import sparse

from spatialrag.domains.clustering import by_size, cluster, majority
from spatialrag.errors import InputError
from spatialrag.metrics.domains import domain_scores

RNG = np.random.default_rng(5)
TRUTH = np.repeat(["a", "b", "c"], [50, 30, 20])
CENTERS = {"a": [0, 0], "b": [6, 0], "c": [0, 6]}
BLOBS = np.array([CENTERS[t] for t in TRUTH]) + RNG.normal(size=(100, 2))


@pytest.mark.parametrize("by", ["kmeans", "gaussian_mixture"])
def test_finds_blobs_and_names_them_by_size(by):
    labels = cluster(BLOBS, 3, by=by)
    assert domain_scores(TRUTH, labels)["ari"] > 0.9
    assert np.unique(labels[TRUTH == "a"], return_counts=True)[0][0] == "1"
    np.testing.assert_array_equal(labels, cluster(BLOBS, 3, by=by))


def test_shared_covariance_follows_stretched_domains():
    height = np.array([{"a": 0, "b": 3, "c": 6}[t] for t in TRUTH])
    stretched = np.column_stack([RNG.normal(0, 5, 100), height + RNG.normal(0, 0.3, 100)])
    mixture = cluster(stretched, 3, by="gaussian_mixture")
    assert domain_scores(TRUTH, mixture)["ari"] > domain_scores(TRUTH, cluster(stretched, 3))["ari"]


def test_by_size():
    assert by_size(np.array([7, 7, 3, 3, 3, 9])).tolist() == ["2", "2", "1", "1", "1", "3"]
    assert by_size(np.array([5, 2])).tolist() == ["1", "2"]


def test_majority_of_neighbors_and_ties_stay():
    path = sparse.diags([np.ones(4), np.ones(4)], [1, -1]).tocsr()
    labels = np.array(["x", "y", "x", "z", "z"])
    assert majority(labels, path).tolist() == ["x", "x", "x", "z", "z"]
    assert majority(labels, sparse.csr_matrix((5, 5))).tolist() == labels.tolist()


def test_bad_input():
    with pytest.raises(InputError, match="unknown clustering"):
        cluster(BLOBS, 3, by="louvain")
    with pytest.raises(InputError, match="1 to 100"):
        cluster(BLOBS, 101)
    with pytest.raises(InputError, match="NaN or inf"):
        cluster(np.where(BLOBS > 5, np.nan, BLOBS), 3)
