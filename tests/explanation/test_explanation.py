from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from spatialrag.errors import InputError
from spatialrag.explanation.explanation import explain
from spatialrag.prediction.controls import MeanProfile
from spatialrag.prediction.generag import GeneRAG


@pytest.fixture(scope="module")
def prediction(references, queries):
    return GeneRAG(n_anchors=100).fit(references).predict(queries, removed=2)


@pytest.fixture(scope="module")
def unsmoothed(references, queries):
    return GeneRAG(n_anchors=100, smoothing=0.0).fit(references).predict(queries, removed=2)


@given(spot=st.integers(0, 55), gene=st.integers(0, 1200))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_contributions_sum_to_the_value(prediction, spot, gene):
    if prediction.missing[spot, gene]:
        return
    found = explain(prediction, spot=prediction.spots[spot], gene=prediction.genes[gene])
    assert found.cited_value == pytest.approx(found.value, rel=1e-5, abs=1e-6)
    table = found.citations
    np.testing.assert_allclose(table["share"].sum(), 1)
    assert (np.diff(table["weight"].abs()) <= 0).all()
    share = GeneRAG.smoothing
    summed = (1 - share) * table["measured"].fillna(0) + share * table["smoothed"].fillna(0)
    np.testing.assert_allclose(table["contribution"], table["weight"] * summed, rtol=1e-6)


def test_change_without_a_reference(unsmoothed, references):
    prediction = unsmoothed
    spot, gene = prediction.spots[9], prediction.genes[4]
    found = explain(prediction, spot=spot, gene=gene)
    assert found.citations["change"].notna().sum() == 2
    assert found.citations["change"].iloc[:2].notna().all()
    table = prediction.citations.removals
    first = found.citations["reference"].iloc[0]
    again = table[(table["spot"] == spot) & (table["removed"] == first)]
    rows = references.references.index.get_indexer(again["reference"])
    values = references.on_scale("log1p_cp10k")[rows][:, [4]].toarray().ravel()
    expected = (again["weight"].to_numpy() * values).sum() - found.value
    assert found.citations["change"].iloc[0] == pytest.approx(expected, abs=1e-5)


def test_without_smoothing_nothing_is_told_of_it(unsmoothed):
    found = explain(unsmoothed, spot=unsmoothed.spots[0], gene=unsmoothed.genes[0])
    table = found.citations
    assert "smoothed" not in table
    expected = table["weight"] * table["measured"].fillna(0)
    np.testing.assert_allclose(table["contribution"], expected, rtol=1e-6)


def test_a_slide_that_did_not_measure_the_gene_contributes_nothing(prediction, references):
    rare = references.genes[references.measured.sum(axis=1) == 2][0]
    found = explain(prediction, spot=prediction.spots[0], gene=rare)
    unmeasured = found.citations["measured"].isna()
    assert unmeasured.any()
    assert (found.citations["contribution"][unmeasured] == 0).all()
    share = found.citations["share"][~unmeasured].sum()
    assert found.coverage == pytest.approx(share)


def test_top_genes_and_pictures(prediction):
    found = explain(prediction, spot=prediction.spots[0], gene=prediction.genes[0])
    assert all(len(genes.split(", ")) == 5 for genes in found.citations["top_genes"])
    assert len(found.thumbnails) == len(found.citations)


def test_what_cannot_be_explained(prediction, references, queries):
    with pytest.raises(InputError, match="gene 'NOPE' is not in the prediction"):
        explain(prediction, spot=prediction.spots[0], gene="NOPE")
    mean = MeanProfile().fit(references).predict(queries)
    with pytest.raises(InputError, match=r"(?s)cites no references.*MeanProfile"):
        explain(mean, spot=mean.spots[0], gene=mean.genes[0])
    nothing = GeneRAG(n_anchors=50, strength=1e30, relative=False).fit(references).predict(queries)
    with pytest.raises(InputError, match="has no citation"):
        explain(nothing, spot=nothing.spots[0], gene=nothing.genes[0])


def test_where_a_value_stands(references, queries):
    prediction = GeneRAG(n_anchors=60, min_coverage=0.0).fit(references).predict(queries)
    gene = str(prediction.genes[3])
    values = prediction.expression[:, 3]
    spots = prediction.spots[np.argsort(-values, kind="stable")]
    found = [explain(prediction, spot=str(spot), gene=gene) for spot in spots[:3]]
    assert [each.standing.rank for each in found] == [1, 2, 3]
    stands = found[0].standing
    assert stands.n_spots == len(values)
    assert stands.predicted_range == (values.min(), values.max())
    counted = found[0].citations["measured"]
    assert stands.measured_range == (counted.min(), counted.max())
    assert found[0].to_json()["rank"] == 1
    missing = prediction.expression.copy()
    missing[0, 3] = np.nan
    absent = explain(
        replace(prediction, expression=missing), spot=str(prediction.spots[0]), gene=gene
    )
    assert (absent.standing.rank, absent.standing.n_spots) == (0, len(values) - 1)


def test_what_was_doubted_when_predicting_is_repeated(references, queries):
    prediction = GeneRAG(n_anchors=60).fit(references).predict(queries)
    doubted = replace(prediction, record=prediction.record | {"doubts": [{"words": "grey?"}]})
    found = explain(doubted, spot=str(prediction.spots[0]), gene=str(prediction.genes[0]))
    assert found.doubts == ("grey?",)
    assert found.to_json()["doubts"] == ["grey?"]


def test_words_say_how_much_of_the_weight_measured_the_gene(unsmoothed):
    found = explain(unsmoothed, spot=unsmoothed.spots[0], gene=unsmoothed.genes[0])
    gene = found.gene
    assert replace(found, coverage=1.0).coverage_words == f"all of them measured {gene}"
    partly = replace(found, coverage=0.534)
    assert partly.coverage_words == (
        f"references that measured {gene} hold 53% of the weight, the others add nothing: the "
        "value may be too low"
    )
    missing = replace(found, value=np.nan, coverage=0.466)
    assert missing.coverage_words == (
        f"no value is given: references that measured {gene} hold 47% of the weight"
    )
    assert f" of {found.slide}: no value; " in missing.headline
