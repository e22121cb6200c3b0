import numpy as np
import pytest
from scipy import sparse

pytest.importorskip("torch")

from spatialrag.domains.tensors import dense_rows, edge_index, sparse_tensor

MATRIX = sparse.csr_matrix(np.array([[0, 2.0], [3, 0]]))


def test_same_values():
    np.testing.assert_array_equal(sparse_tensor(MATRIX).to_dense(), MATRIX.toarray())
    assert edge_index(MATRIX).tolist() == [[0, 1], [1, 0]]
    found = dense_rows(MATRIX, np.array([1, 0]))
    np.testing.assert_array_equal(found, MATRIX.toarray()[[1, 0]])
    assert str(found.dtype) == "torch.float32"
