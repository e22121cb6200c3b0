import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.semantics.gene_vectors import GeneVectors
from spatialrag.semantics.specification import semantics_of
from spatialrag.semantics.spots import PerGene, PerSpot, RandomSpots
from spatialrag.semantics.table import write_gene_vectors

GENES = np.array(["MBP", "PLP1", "SNAP25"])


@pytest.fixture
def summaries(tmp_path):
    path = tmp_path / "s.tsv"
    rows = ["symbol\tsummary", "MBP\tmyelin sheath", "PLP1\tmyelin membrane", "SNAP25\tsynapse"]
    path.write_text("\n".join(rows))
    return path


def test_names(tmp_path, summaries):
    assert semantics_of("none", GENES) is None
    assert semantics_of("random", GENES, rng=3) == RandomSpots(seed=3)
    described = semantics_of(f"genes:{summaries}", GENES, k=7)
    assert isinstance(described, PerGene)
    assert described.k == 7
    write_gene_vectors(GeneVectors(GENES, np.eye(3)), tmp_path / "v.npz")
    table = semantics_of(f"table:{tmp_path / 'v.npz'}", GENES)
    np.testing.assert_array_equal(table.vectors.vectors, np.eye(3))
    assert semantics_of("random_genes", GENES).vectors.record["provider"] == "random"


def test_shuffled_vectors_belong_to_other_genes(summaries):
    real, permuted = (
        semantics_of(f"genes:{summaries}", GENES, shuffle=s, rng=1).vectors for s in (False, True)
    )
    assert permuted.record["shuffled"] == 1
    np.testing.assert_array_equal(np.sort(real.vectors, axis=0), np.sort(permuted.vectors, axis=0))


def test_language_models(tiny_model, summaries):
    assert isinstance(semantics_of(f"language_model:{tiny_model}", GENES, mode="per_spot"), PerSpot)
    found = semantics_of(f"embedding_model:{tiny_model}", GENES, summaries=summaries)
    assert found.vectors.vectors.shape == (3, 16)
    assert found.vectors.record["text"] == "summary"
    symbols = semantics_of(f"embedding_model:{tiny_model}", GENES)
    assert symbols.vectors.record["text"] == "symbol"


def test_bad_input(summaries):
    with pytest.raises(InputError, match="per_gene, per_spot"):
        semantics_of("none", GENES, mode="per_cell")
    with pytest.raises(InputError, match="no genes to shuffle"):
        semantics_of("random", GENES, shuffle=True)
    with pytest.raises(InputError, match="only vectors of genes"):
        semantics_of("language_model:x", GENES, mode="per_spot", shuffle=True)
    with pytest.raises(InputError, match="does not exist"):
        semantics_of("genes:nowhere.tsv", GENES)
    with pytest.raises(InputError, match="no embedder is called"):
        semantics_of("qwen", GENES)
