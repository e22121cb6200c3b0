import numpy as np
from scipy.spatial.distance import cdist

from spatialrag.retrieval.neighbors import nearest


def test_exact_against_scipy():
    rng = np.random.default_rng(0)
    queries, references = rng.normal(size=(30, 6)), rng.normal(size=(200, 6))
    expected = np.argsort(cdist(queries, references), axis=1)[:, :7]
    np.testing.assert_array_equal(nearest(queries, references, k=7), expected)


def test_fewer_references_than_asked():
    assert nearest(np.zeros((2, 3)), np.ones((4, 3)), k=9).tolist() == [[0, 1, 2, 3]] * 2
