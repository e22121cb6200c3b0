from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from spatialrag.prediction.generag import GeneRAG
from spatialrag.prediction.grouping import MOST, group, neighbor_distance


def labels(weights, vectors, slides, distance=1.0):
    matrix = sparse.csr_matrix(np.atleast_2d(weights).astype(float))
    found = group(matrix, np.asarray(vectors, float), np.asarray(slides), distance=distance)
    return found.tolist()


def test_all_weight_on_one():
    assert labels([0.9], [[0.0, 0.0]], ["a"]) == [1]


def test_far_apart_each_is_a_group_and_what_is_left_is_the_rest():
    vectors = np.arange(7)[:, None] * 10.0
    weights = [0.1, 0.2, 0.3, 0.05, 0.15, 0.12, 0.08]
    assert labels(weights, vectors, ["a"] * 7) == [5, 2, 1, 0, 3, 4, 0]


def test_one_group_per_donor_heaviest_first():
    vectors = [[0, 0], [0.5, 0], [9, 9], [9, 9.5], [9.5, 9]]
    assert labels([0.1, 0.1, 0.1, 0.1, 0.1], vectors, ["a", "a", "b", "b", "b"]) == [2, 2, 1, 1, 1]


def test_equal_neighborhoods_go_by_the_slide_that_carries_more():
    vectors = [[0], [10], [20], [30]]
    assert labels([0.2, 0.2, 0.2, 0.2], vectors, ["a", "b", "b", "c"]) == [3, 1, 2, 4]


def test_negative_weights_count_by_their_size():
    assert labels([0.1, -0.5], [[0], [10]], ["a", "a"]) == [2, 1]


def test_a_spot_without_citations_has_no_labels():
    assert labels([[0, 0], [0.5, 0.5]], [[0], [0.5]], ["a", "a"]) == [1, 1]


def test_median_distance_of_adjacent_spots_against_a_loop():
    rng = np.random.default_rng(0)
    xy = np.array([(x, y) for x in range(5) for y in range(4)] * 2, float) * 100
    slide_of = np.repeat([0, 1], 20)
    vectors = rng.normal(size=(40, 3))
    expected = []
    for i in range(40):
        for j in range(40):
            near = np.linalg.norm(xy[i] - xy[j]) == 100
            # Inside the grid all four at 100 count; at its rim the fourth may be a diagonal.
            if slide_of[i] == slide_of[j] and near:
                expected.append(np.linalg.norm(vectors[i] - vectors[j]))
    found = neighbor_distance(vectors, slide_of, xy)
    assert found == pytest.approx(np.median(expected), rel=0.1)


def test_nothing_is_adjacent_without_places_or_with_single_spots():
    vectors = np.ones((2, 3))
    assert neighbor_distance(vectors, np.zeros(2, int), np.full((2, 2), np.nan)) is None
    assert neighbor_distance(vectors, np.arange(2), np.zeros((2, 2))) is None


def test_groups_of_a_prediction_hold_what_lies_near(references, queries):
    fitted = GeneRAG(n_anchors=60).fit(references)
    cited = fitted.predict(queries).citations
    read = fitted.prepared.bank  # vectors as the method compares them
    assert cited.groups.shape == cited.weights.data.shape
    assert cited.groups.max() <= MOST
    xy = references.references[["x", "y"]].to_numpy(float)
    distance = neighbor_distance(read.vectors, read.slide_of, xy)
    rows = references.references.index.get_indexer(cited.references.index)
    for start, end in zip(cited.weights.indptr[:-1], cited.weights.indptr[1:], strict=True):
        share = np.abs(cited.weights.data[start:end])
        names = cited.groups[start:end]
        carried = [share[names == label].sum() for label in range(1, names.max() + 1)]
        assert (np.diff(carried) <= 1e-9).all()
        vectors = read.vectors[rows[cited.weights.indices[start:end]]].astype(float)
        for label in range(1, names.max() + 1):
            members = vectors[names == label]
            apart = np.linalg.norm(members[:, None] - members, axis=2)
            assert apart.max(axis=1).min() <= distance * (1 + 1e-9)


def test_a_bank_without_places_has_no_groups(references, queries):
    lost = replace(references, references=references.references.assign(x=np.nan, y=np.nan))
    fitted = GeneRAG(n_anchors=60, backbone="linear").fit(lost)
    assert fitted.predict(queries).citations.groups is None
