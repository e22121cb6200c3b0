import numpy as np
import pytest

from spatialrag.encoders.context import join_context
from spatialrag.errors import InputError

VECTORS = np.arange(8, dtype=np.float32).reshape(4, 2)
XY = np.array([[0.0, 0], [1, 0], [2.1, 0], [10, 0]])


def test_joined_with_the_mean_of_the_nearest():
    joined = join_context(VECTORS, XY, n_neighbors=2)
    np.testing.assert_array_equal(joined[:, :2], VECTORS)
    np.testing.assert_allclose(joined[0, 2:], VECTORS[[1, 2]].mean(axis=0))
    np.testing.assert_allclose(joined[3, 2:], VECTORS[[1, 2]].mean(axis=0))


def test_spots_at_one_place_are_each_others_context():
    vectors = np.concatenate([VECTORS, [[50, 70]]]).astype(np.float32)
    xy = np.concatenate([XY, XY[:1]])
    joined = join_context(vectors, xy, n_neighbors=2)
    np.testing.assert_allclose(joined[0, 2:], vectors[[4, 1]].mean(axis=0))
    np.testing.assert_allclose(joined[4, 2:], vectors[[0, 1]].mean(axis=0))


def test_limits():
    assert join_context(VECTORS, XY, n_neighbors=0) is VECTORS
    np.testing.assert_array_equal(join_context(VECTORS[:1], XY[:1], n_neighbors=6), [[0, 1, 0, 1]])
    with pytest.raises(InputError, match="0 or more"):
        join_context(VECTORS, XY, n_neighbors=-1)
    with pytest.raises(InputError, match="10000 at most"):
        join_context(VECTORS, XY, n_neighbors=10**20)
