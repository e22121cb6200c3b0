import numpy as np
import pytest
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.graphs.ops import neighbor_mean, normalized

A = sparse.csr_matrix(np.array([[0, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]))


def test_normalizations_by_hand():
    looped = A.toarray() + np.eye(4)
    degree = looped.sum(axis=1)
    np.testing.assert_allclose(
        normalized(A).toarray(), looped / np.sqrt(np.outer(degree, degree)), rtol=1e-6
    )
    rows = normalized(A, by="row").toarray()
    np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(rows, looped / degree[:, None], rtol=1e-6)
    with pytest.raises(InputError, match="unknown normalization"):
        normalized(A, by="column")


def test_neighbor_mean_includes_the_spot_itself():
    values = np.array([[3.0], [6.0], [0.0], [5.0]])
    np.testing.assert_allclose(neighbor_mean(A, values).ravel(), [3, 4.5, 1.5, 5], rtol=1e-6)
