import numpy as np
import pytest
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.semantics.gene_vectors import GeneVectors
from spatialrag.semantics.spots import PerGene, PerSpot, RandomSpots, standardize

GENES = np.array(["A", "B", "C", "D"])
EXPRESSION = np.array([[9, 5, 0, 0], [9, 0, 6, 0], [9, 0, 0, 7], [9, 5, 0, 0]], float)
VECTORS = GeneVectors(GENES, np.array([[1, 0], [2, 4], [-2, 4], [-1, 0]], float))


class Lengths:
    @property
    def identity(self):
        return {"model": "lengths"}

    def __init__(self):
        self.asked = []

    def embed(self, texts, *, instruction=""):
        self.asked += [(instruction, t) for t in texts]
        return np.array([[sum(map(ord, t)), 1] for t in texts], np.float32)


def test_per_gene_is_the_standardized_mean_of_top_genes():
    found = PerGene(VECTORS, k=2, ranking="expression").of(sparse.csr_matrix(EXPRESSION), GENES)
    unit = (VECTORS.vectors - VECTORS.vectors.mean(0)) / VECTORS.vectors.std(0)
    means = np.array([unit[[0, 1]], unit[[0, 2]], unit[[0, 3]], unit[[0, 1]]]).mean(axis=1)
    np.testing.assert_allclose(
        found.vectors, (means - means.mean(0)) / means.std(0), rtol=1e-5, atol=1e-6
    )
    assert found.record["coverage"] == 1
    assert found.record["spots_without"] == 0


def test_scaled_ranking_ignores_genes_that_do_not_vary():
    found = PerGene(VECTORS, k=1, ranking="scaled").of(EXPRESSION, GENES)
    # A has the most counts and the same everywhere: B, C, D, B are listed.
    np.testing.assert_array_equal(found.vectors[0], found.vectors[3])
    assert len(np.unique(found.vectors, axis=0)) == 3


def test_per_spot_reads_each_prompt_once():
    embedder = Lengths()
    found = PerSpot(embedder, k=2).of(EXPRESSION, GENES)
    texts = [text for _, text in embedder.asked]
    assert sorted(texts) == [f"Highly expressed genes: A, {x}." for x in "BCD"]
    assert all(i.startswith("You are an expert in bioinformatics") for i, _ in embedder.asked)
    assert found.record["prompts"] == 3
    np.testing.assert_array_equal(found.vectors[0], found.vectors[3])


def test_unrelated_prompts_hold_no_genes():
    embedder = Lengths()
    PerSpot(embedder, k=2, prompt="unrelated").of(EXPRESSION, GENES)
    assert all("train" in text and not instruction for instruction, text in embedder.asked)


def test_random_spots_know_nothing():
    first = RandomSpots(dim=200, seed=1).of(EXPRESSION, GENES).vectors
    np.testing.assert_array_equal(first, RandomSpots(dim=200, seed=1).of(EXPRESSION, GENES).vectors)
    assert not np.allclose(first[0], first[3])
    assert first.var() == pytest.approx(0.85, abs=0.1)


def test_standardized_vectors_lose_what_all_share():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 3)).astype(np.float32)
    values[:, 2] = 4
    found = standardize(values + 1000)
    np.testing.assert_allclose(found[:, :2].mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(found[:, :2].std(0), 1, rtol=1e-3)
    assert (found[:, 2] == 0).all()


def test_species_mismatch_and_bad_settings():
    with pytest.raises(InputError, match="same species"):
        PerGene(VECTORS).of(EXPRESSION, np.array(["ENSG1", "ENSG2", "ENSG3", "A"]))
    with pytest.raises(InputError, match="expression, scaled"):
        PerGene(VECTORS, ranking="best").of(EXPRESSION, GENES)
    with pytest.raises(InputError, match="genes, unrelated"):
        PerSpot(Lengths(), prompt="poem")
