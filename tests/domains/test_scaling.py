import numpy as np
from scipy import sparse

from spatialrag.domains.scaling import scale_genes


def test_unit_variance_zeros_stay_and_constant_genes_too():
    values = np.random.default_rng(0).poisson(2, (50, 4)).astype(np.float32)
    values[:, 2], values[0, 1] = 3, 500
    found = scale_genes(sparse.csr_matrix(values))
    np.testing.assert_allclose(found[:, 0].std(), 1, rtol=1e-5)
    assert ((found == 0) == (values == 0)).all()
    assert (found[:, 2] == 3).all()
    assert found.max() == np.float32(found[0, 1]) <= 10
    values[:, 1] = 0
    values[0, 1] = 500
    assert scale_genes(sparse.csr_matrix(values))[0, 1] < 10
