import numpy as np
import pytest
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.expression.normalize import to_scale

COUNTS = np.array([[0, 3, 7], [0, 0, 0], [1, 1, 2]], dtype=np.float32)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_scales_by_hand(kind):
    def dense(x):
        return x.toarray() if sparse.issparse(x) else x

    log = to_scale(kind(COUNTS), stored="counts", wanted="log1p")
    np.testing.assert_allclose(dense(log), np.log1p(COUNTS), rtol=1e-6)
    composed = to_scale(kind(COUNTS), stored="counts", wanted="log1p_cp10k")
    np.testing.assert_allclose(dense(composed)[0], np.log1p([0, 3000, 7000]), rtol=1e-6)
    assert (dense(composed)[1] == 0).all()
    back = to_scale(log, stored="log1p", wanted="counts")
    np.testing.assert_allclose(dense(back), COUNTS, rtol=1e-5)


def test_depth_counts_genes_that_are_not_in_the_matrix():
    given = to_scale(COUNTS, stored="counts", wanted="log1p_cp10k", totals=np.array([100, 0, 8]))
    np.testing.assert_allclose(given[0], np.log1p([0, 300, 700]), rtol=1e-6)


def test_uint8_counts_do_not_overflow():
    counts = sparse.csr_matrix(np.full((2, 300), 200, np.uint8))
    composed = to_scale(counts, stored="counts", wanted="log1p_cp10k")
    np.testing.assert_allclose(composed.toarray(), np.log1p(1e4 / 300), rtol=1e-5)


def test_lost_depth_is_an_error():
    with pytest.raises(InputError, match="the depth is gone"):
        to_scale(COUNTS, stored="log1p_cp10k", wanted="counts")
    with pytest.raises(InputError, match="unknown expression scale"):
        to_scale(COUNTS, stored="log2", wanted="counts")
