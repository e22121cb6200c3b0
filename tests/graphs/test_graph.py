import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.graphs.graph import Graph, check_coordinates, join, without_self


def graph(pairs, n):
    first, second = np.array(pairs).reshape(-1, 2).T
    return Graph.from_edges(first, second, np.abs(first - second) * 1.0, n, {"kind": "test"})


def test_edges_become_symmetric_once_and_without_loops():
    made = graph([(0, 1), (1, 0), (2, 2), (1, 3)], 5)
    dense = made.connectivities.toarray()
    np.testing.assert_array_equal(dense, dense.T)
    assert dense.sum() == 4
    assert made.distances[3, 1] == 2
    assert made.degrees.tolist() == [1, 2, 0, 1, 0]
    assert made.isolated.tolist() == [2, 4]


def test_joined_parts_have_no_edges_between_them():
    whole = join([graph([(0, 1)], 2), graph([(0, 2)], 3)], [np.array([4, 0]), np.array([1, 2, 3])])
    assert whole.connectivities[4, 0] == whole.connectivities[1, 3] == 1
    assert whole.connectivities.nnz == 4
    assert whole.settings["kind"] == "test"


def test_bad_coordinates():
    for xy in ([[0, np.nan]], [[0, 1, 2]], [0, 1]):
        with pytest.raises(InputError, match="cannot be used"):
            check_coordinates(xy)
    with pytest.raises(InputError, match="no two spots are neighbors"):
        graph([], 3).require_edges()


def test_shared_places_are_counted_up_to_half():
    xy, shared = check_coordinates([[0, 0], [1, 1], [0, 0], [2, 5]])
    assert xy.dtype == np.float64
    assert shared.tolist() == [0, 2]
    assert check_coordinates([[0, 0], [1, 0]])[1].size == 0


def test_neighbors_never_list_the_spot_itself():
    found = np.array([[0, 1, 2], [2, 0, 1], [0, 1, 3]])
    assert without_self(found).tolist() == [[1, 2], [2, 0], [0, 1]]
