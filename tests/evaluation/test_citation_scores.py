import numpy as np
import pytest

from spatialrag.evaluation.citation_scores import score_citations
from spatialrag.prediction.generag import GeneRAG


@pytest.fixture(scope="module")
def scores(references, queries, toy_bank):
    settings = GeneRAG(n_anchors=200, strength=0.5, backbone="linear", centring=0.0)
    prediction = settings.fit(references).predict(queries)
    truth_bank = toy_bank.select(["toy4"])
    genes = np.intersect1d(references.genes, truth_bank.genes)[:150]
    truth = truth_bank.on_scale("log1p_cp10k")[:, np.searchsorted(truth_bank.genes, genes)]
    return score_citations(prediction, queries, truth.toarray(), genes, references)


def test_cited_references_resemble_the_query_more_than_random_ones(scores):
    assert scores["morphology_cited"] > scores["morphology_random"] + 0.1
    assert scores["expression_cited"] > scores["expression_random"]
    assert -1 <= scores["expression_same_depth"] <= 1


def test_deleting_the_top_citations_costs_more_than_random_ones(scores):
    assert scores["deletion_top"] > scores["deletion_random"]


@pytest.mark.parametrize("strength", [0.9, 0.999])
def test_few_citations_are_said(strength, references, queries, toy_bank):
    """Spots with fewer than five are not compared; where all have fewer, none is."""
    prediction = GeneRAG(n_anchors=200, strength=strength).fit(references).predict(queries)
    truth = toy_bank.select(["toy4"]).on_scale("log1p_cp10k")[:, :30].toarray()
    genes = toy_bank.genes[:30]
    found = score_citations(prediction, queries, truth, genes, references)
    share = np.mean(prediction.citations.n_active >= 5)
    assert found["five_share"] == pytest.approx(share)
    assert (share < 1) == (strength > 0.99)
    assert (
        np.isnan(found["expression_random"]) == np.isnan(found["morphology_cited"]) == (not share)
    )
