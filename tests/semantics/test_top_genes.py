import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.semantics.top_genes import top_genes

GENES = np.array(["Zic1", "Actb", "mt-Co1", "Rps12", "Mbp", "Rpe65", "MRPL4"])


def test_ranked_by_value_then_name_without_uninformative_genes():
    values = [[1, 1, 9, 9, 5, 0, 9], [0, 0, 9, 0, 0, 2, 0]]
    expected = [[4, 1, 0], [5, -1, -1]]
    assert top_genes(np.array(values), GENES, 3).tolist() == expected
    assert top_genes(sparse.csr_matrix(values), GENES, 3).tolist() == expected
    everything = top_genes(np.array(values), GENES, 4, uninformative=True)
    assert GENES[everything[0]].tolist() == ["MRPL4", "Rps12", "mt-Co1", "Mbp"]


@given(st.integers(0, 10**6))
def test_order_of_genes_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    values, order = rng.integers(0, 3, (5, 7)), rng.permutation(7)
    names = [GENES[row[row >= 0]].tolist() for row in top_genes(values, GENES, 4)]
    permuted = top_genes(values[:, order], GENES[order], 4)
    assert names == [GENES[order][row[row >= 0]].tolist() for row in permuted]


def test_bad_input():
    with pytest.raises(InputError, match="finite and not negative"):
        top_genes(np.full((1, 7), -1.0), GENES, 2)
    for k, genes in ((0, GENES), (2, GENES[:3])):
        with pytest.raises(InputError, match="cannot be chosen"):
            top_genes(np.ones((1, 7)), genes, k)
