import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.semantics.gene_vectors import GeneVectors

TABLE = GeneVectors(np.array(["MBP", "ACTB", "PLP1"]), [[1, 0], [0, 1], [3, 4]])


def test_spot_vector_is_the_mean_of_its_known_top_genes_in_any_case():
    genes = np.array(["Actb", "Mbp", "Unknown", "Plp1"])
    top = np.array([[1, 3], [0, 2], [-1, -1]])
    found = TABLE.spot_vectors(top, genes)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[2, 2], [0, 1], [0, 0]])


def test_standardized():
    rng = np.random.default_rng(0)
    values = 5 + rng.normal(size=(50, 3)) * [1, 10, 0]
    table = GeneVectors(np.arange(50).astype(str), values).standardized()
    np.testing.assert_allclose(table.vectors.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(table.vectors.std(axis=0), [1, 1, 0], rtol=1e-4)


def test_identifiers_instead_of_symbols_are_named():
    top = np.array([[0, 1], [2, 3]])
    with pytest.raises(InputError, match=r"only 25% of the genes have a vector[\s\S]*species"):
        TABLE.spot_vectors(top, np.array(["ENSG1", "ENSG2", "ENSG3", "MBP"]))


@pytest.mark.parametrize(
    ("genes", "vectors", "message"),
    [
        (["A", "a"], np.ones((2, 2)), "more than one vector: a"),
        (["A"], np.ones((2, 2)), "do not match"),
        (["A"], [[np.nan]], "NaN or inf"),
    ],
)
def test_bad_tables(genes, vectors, message):
    with pytest.raises(InputError, match=message):
        GeneVectors(genes, vectors)
