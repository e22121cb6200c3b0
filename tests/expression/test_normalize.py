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


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_what_has_no_logarithm_is_refused(kind):
    """A model's values: those above -1 have one, lower ones never become NaN in silence."""
    low = np.array([[0, -0.5, 2], [0, 3, -0.99]], np.float32)
    found = to_scale(kind(low), stored="counts", wanted="log1p")
    found = found.toarray() if sparse.issparse(found) else found
    np.testing.assert_allclose(found, np.log(1 + low), rtol=1e-4)
    for value in (-1.0, -7.0):
        low[1, 2] = value
        with pytest.raises(InputError, match=rf"(?s)1 values have no log1p.*down to {value:g}"):
            to_scale(kind(low), stored="counts", wanted="log1p")
    with pytest.raises(InputError, match="2 values have no log1p_cp10k"):
        to_scale(kind(low), stored="counts", wanted="log1p_cp10k", totals=np.array([50, 50]))


def test_lost_depth_is_an_error():
    with pytest.raises(InputError, match="the depth is gone"):
        to_scale(COUNTS, stored="log1p_cp10k", wanted="counts")
    with pytest.raises(InputError, match="unknown expression scale"):
        to_scale(COUNTS, stored="log2", wanted="counts")
