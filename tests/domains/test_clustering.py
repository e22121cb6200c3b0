import numpy as np
import pytest
from scipy import sparse

from spatialrag.domains import clustering as module
from spatialrag.domains.clustering import Clustering, by_size, majority, stability
from spatialrag.errors import InputError
from spatialrag.metrics.domains import domain_scores

RNG = np.random.default_rng(5)
TRUTH = np.repeat(["a", "b", "c"], [50, 30, 20])
CENTERS = {"a": [0, 0], "b": [6, 0], "c": [0, 6]}
BLOBS = np.array([CENTERS[t] for t in TRUTH]) + RNG.normal(size=(100, 2))


@pytest.mark.parametrize("by", ["kmeans", "gaussian_mixture", "leiden"])
def test_finds_blobs_and_names_them_by_size(by):
    if by == "leiden":
        pytest.importorskip("leidenalg")
    labels = Clustering(by).labels(BLOBS, 3)
    assert domain_scores(TRUTH, labels)["ari"] > 0.9
    assert np.unique(labels[TRUTH == "a"], return_counts=True)[0][0] == "1"
    np.testing.assert_array_equal(labels, Clustering(by).labels(BLOBS, 3))


def test_shared_covariance_follows_stretched_domains():
    height = np.array([{"a": 0, "b": 3, "c": 6}[t] for t in TRUTH])
    stretched = np.column_stack([RNG.normal(0, 2, 100), height + RNG.normal(0, 0.3, 100)])
    scores = [
        domain_scores(TRUTH, Clustering(by).labels(stretched, 3))["ari"]
        for by in ("gaussian_mixture", "kmeans")
    ]
    assert scores[0] > scores[1]


def test_mixture_with_a_dimension_that_does_not_vary():
    flat = np.column_stack([BLOBS, np.zeros(100)])
    assert domain_scores(TRUTH, Clustering("gaussian_mixture").labels(flat, 3))["ari"] > 0.9


def test_many_spots_go_by_batches(monkeypatch):
    monkeypatch.setattr(module, "_MANY", 50)
    assert domain_scores(TRUTH, Clustering().labels(BLOBS, 3))["ari"] > 0.9


def test_number_of_domains_by_stability():
    scores = stability(BLOBS, (2, 3, 4, 5, 6))
    assert scores[3] > 0.98 > scores[4]
    assert all(-0.5 <= value <= 1 for value in scores.values())
    assert len(set(Clustering(candidates=(2, 3, 4, 5)).labels(BLOBS, None))) == 3


def test_leiden_says_what_numbers_it_can_give():
    pytest.importorskip("leidenalg")
    with pytest.raises(InputError, match="no resolution gives 99"):
        Clustering("leiden").labels(BLOBS, 99)


def test_by_size():
    assert by_size(np.array([7, 7, 3, 3, 3, 9])).tolist() == ["2", "2", "1", "1", "1", "3"]
    assert by_size(np.array([5, 2])).tolist() == ["1", "2"]


PATH = sparse.diags([np.ones(4), np.ones(4)], [1, -1]).tocsr()


def test_majority_of_neighbors_and_ties_stay():
    labels = np.array(["x", "y", "x", "z", "z"])
    assert majority(labels, PATH).tolist() == ["x", "x", "x", "z", "z"]
    assert majority(labels, sparse.csr_matrix((5, 5))).tolist() == labels.tolist()


def test_refinement_is_part_of_the_settings():
    line = np.array([[0.0], [9], [0], [9], [9]])
    found = Clustering(refine=True).labels(line, 2, adjacency=PATH)
    assert found.tolist() == ["2", "2", "1", "1", "1"]
    with pytest.raises(InputError, match="spatial graph"):
        Clustering(refine=True).labels(line, 2)


@pytest.mark.parametrize("by", ["kmeans", "gaussian_mixture"])
@pytest.mark.parametrize("n_domains", [3, None])
def test_spots_without_neighbors_found_no_domain(by, n_domains):
    line = sparse.diags([np.ones(99), np.ones(99)], [1, -1], shape=(100, 100))
    adjacency = sparse.block_diag([sparse.csr_matrix((2, 2)), line]).tocsr()
    values = np.concatenate([[[40.0, 3.0], [0.5, 90.0]], BLOBS])
    settings = Clustering(by, candidates=(2, 3, 4))
    alone = settings.labels(BLOBS, n_domains)
    assert len(set(alone)) == 3
    found = settings.labels(values, n_domains, adjacency=adjacency)
    np.testing.assert_array_equal(found[2:], alone)
    # Nearest: "b" to the right, "c" above.
    assert found[:2].tolist() == [alone[TRUTH == "b"][0], alone[TRUTH == "c"][0]]
    # Without a graph they are spots as others, and take domains from them.
    assert len(set(settings.labels(values, 3)[2:])) < 3


def test_bad_input():
    with pytest.raises(InputError, match="unknown clustering"):
        Clustering("louvain")
    with pytest.raises(InputError, match="2 or more"):
        Clustering(candidates=(1,))
    with pytest.raises(InputError, match="1 to 100"):
        Clustering().labels(BLOBS, 101)
    with pytest.raises(InputError, match="NaN or inf"):
        Clustering().labels(np.where(BLOBS > 5, np.nan, BLOBS), 3)
