from dataclasses import replace

import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.explanation.explanation import explain
from spatialrag.expression.proportions import Proportions
from spatialrag.prediction.ragst.ragst import RAGST
from spatialrag.prediction.store import from_anndata, to_anndata


def test_citations_reproduce_the_retrieved_part_exactly(fitted, queries):
    prediction = fitted.predict(queries)
    weights = prediction.citations.weights
    np.testing.assert_allclose(np.asarray(weights.sum(axis=1)).ravel(), 1, rtol=1e-12)
    assert (weights.data > 0).all()
    assert (prediction.citations.n_active == 8).all()
    off = fitted.without_residual().predict(queries)
    np.testing.assert_array_equal(off.expression, off.citations.sum_expression())
    assert off.uncited_share == 0
    assert 0 < prediction.uncited_share < 0.5
    assert (prediction.expression >= 0).all()


def test_types_are_a_distribution_and_kept_with_the_prediction(fitted, queries):
    prediction = fitted.predict(queries)
    types = prediction.certificate.filter(like="type_")
    assert types.columns.tolist() == ["type_Alpha", "type_Beta", "type_Gamma"]
    np.testing.assert_allclose(types.sum(axis=1), 1)
    again = from_anndata(to_anndata(prediction))
    np.testing.assert_allclose(again.certificate.filter(like="type_"), types)


def test_genes_that_no_spot_measured_come_from_cells(settings, train_bank, queries):
    prediction = settings.fit(train_bank).predict(queries)
    column = prediction.position_of(gene="ZERO1")
    assert np.ptp(prediction.expression[:, column]) > 0
    fitted = settings.fit(train_bank)
    assert (fitted.residual.bound[column] == 0).all()
    assert prediction.record["genes_of_training_spots"] == len(settings.cells.genes) - 5


def test_explain_names_kind_and_type(fitted, queries):
    prediction = fitted.predict(queries)
    spot = prediction.spots[0]
    found = explain(prediction, spot=spot, gene=prediction.genes[3])
    assert set(found.citations["kind"]) <= {"cell", "spot"}
    assert set(found.citations["cell_type"]) <= {"Alpha", "Beta", "Gamma"}
    off = fitted.without_residual().predict(queries)
    found = explain(off, spot=spot, gene=off.genes[3])
    assert found.cited_value == pytest.approx(found.value, rel=1e-5)


def test_a_type_without_cells_cites_nothing_and_is_reported(settings, shares, train_bank, queries):
    some = Proportions(shares.values, shares.spots, ["Alpha", "Beta", "Delta"])
    prediction = replace(settings, proportions=some).fit(train_bank).predict(queries)
    assert prediction.record["types_without_cells"] == ["Delta"]
    np.testing.assert_allclose(np.asarray(prediction.citations.weights.sum(axis=1)), 1)
    assert "type_Delta" in prediction.certificate


def test_same_seed_same_bits(settings, train_bank, queries):
    first, second = (settings.fit(train_bank).predict(queries).expression for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other = replace(settings, generator=replace(settings.generator, seed=1))
    assert (other.fit(train_bank).predict(queries).expression != first).any()


@pytest.mark.parametrize("references", ["cells", "spots", "both"])
def test_training_spots_never_retrieve_their_own_slide(settings, train_bank, references, queries):
    fitted = replace(settings, references=references).fit(train_bank)
    pool, stage = fitted.generator.pool, fitted.stage
    slides = train_bank.references["slide"].to_numpy(str)[stage.rows]
    inputs = stage.head.inputs(train_bank.embeddings[stage.rows])
    weights = fitted.generator.weights(inputs, stage.head.shares(inputs), own=slides)
    cited = pool.own[weights.indices]
    asking = np.repeat(slides, np.diff(weights.indptr))
    assert not (cited == asking).any()
    kinds = set(fitted.predict(queries).citations.references["kind"])
    assert kinds <= {"cells": {"cell"}, "spots": {"spot"}, "both": {"cell", "spot"}}[references]


def test_one_training_slide_bars_the_spot_itself(settings, toy_bank, queries):
    fitted = replace(settings, references="spots").fit(toy_bank.select(["toy1"]))
    assert fitted.predict(queries).citations.n_active.min() == 8


def test_random_retrieval_is_seeded_and_ignores_the_patch(settings, train_bank, queries):
    random = replace(settings, generator=replace(settings.generator, random=True))
    fitted = random.fit(train_bank)
    first, second = (fitted.predict(queries).citations for _ in range(2))
    assert (first.weights != second.weights).nnz == 0
    learned = settings.fit(train_bank).predict(queries).citations
    assert len(first.references) > len(learned.references)


def test_proportions_are_deconvolved_when_none_are_given(settings, train_bank, queries):
    fitted = replace(settings, proportions=None).fit(train_bank)
    assert "deconvolved from atlas" in fitted.predict(queries).record["proportions"]


def test_interrupted_training_resumes(settings, train_bank, queries, tmp_path, monkeypatch):
    from spatialrag.prediction.ragst import generator as module

    training = replace(settings.generator.training, save_every=5)
    settings = replace(settings, generator=replace(settings.generator, training=training))
    whole = settings.fit(train_bank).predict(queries).expression
    calls, original = [], module.loss_of

    def stopping(*arguments):
        calls.append(1)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return original(*arguments)

    path = tmp_path / "ragst.pt"
    monkeypatch.setattr(module, "loss_of", stopping)
    with pytest.raises(KeyboardInterrupt):
        settings.fit(train_bank, checkpoint=path)
    monkeypatch.setattr(module, "loss_of", original)
    assert path.exists()
    resumed = settings.fit(train_bank, checkpoint=path).predict(queries).expression
    np.testing.assert_allclose(resumed, whole, atol=1e-6)
    assert not path.exists()


def test_bad_settings_and_banks(settings, atlas, shares, train_bank):
    with pytest.raises(InputError, match="unknown references"):
        replace(settings, references="patches")
    with pytest.raises(InputError, match="residual_share"):
        replace(settings, residual_share=1)
    with pytest.raises(InputError, match="n_retrieved"):
        replace(settings.generator, n_retrieved=0)
    renamed = Proportions(shares.values, np.char.add("x", shares.spots), shares.types)
    with pytest.raises(InputError, match=r"(?s)168 of 168 training spots.*slide:spot"):
        RAGST(atlas, renamed).fit(train_bank)
    other = Proportions(shares.values, shares.spots, ["alpha", "beta", "gamma"])
    with pytest.raises(InputError, match=r"(?s)cells for 0%.*alpha, beta, gamma.*--type-map"):
        RAGST(atlas, other).fit(train_bank)
    mouse = replace(train_bank, genes=np.char.lower(train_bank.genes))
    with pytest.raises(InputError, match=r"(?s)0% of the spots' genes.*one species"):
        RAGST(atlas, shares).fit(mouse)
