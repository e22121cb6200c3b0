import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.explanation.explanation import explain
from spatialrag.jobs.generag import InitialFile, Retrieval
from spatialrag.jobs.prediction import PredictRequest, example_of, predict
from spatialrag.jobs.queries import QuerySlide
from spatialrag.prediction.controls import MeanProfile
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.store import read_prediction

SMALL = GeneRAG(n_anchors=60)


@pytest.fixture
def query(toy_sections):
    return QuerySlide("toy4", spots=toy_sections[3].located)


def test_one_open_slide_and_one_decoded_patch_per_spot(references, query, slides_read, tmp_path):
    """For vectors, pictures of patches, the tissue mask and the picture of the slide."""
    n_spots = len(query.spots.spots)
    request = PredictRequest(references, query, SMALL, "color", removed=0, out=tmp_path / "p.h5ad")
    result = predict(request)
    assert slides_read.opened == ["toy4.jpg"]
    assert slides_read.closed == 1
    assert slides_read.regions <= n_spots + 3  # the whole slide: its mask, marks and picture
    written = read_prediction(tmp_path / "p.h5ad")
    np.testing.assert_array_equal(written.expression, result.prediction.expression)
    assert written.thumbnails.shape == (n_spots, 16, 16, 3)
    assert written.tissue is not None


def test_equal_to_its_parts_one_by_one(references, query, queries, toy_cache, tmp_path):
    """What the job returns is what fit and predict return, and scale and place are recorded."""
    facts = tmp_path / "facts.json"
    request = PredictRequest(
        references, query, SMALL, "color", removed=1, cache=toy_cache, json=facts
    )
    result = predict(request)
    alone = SMALL.fit(references).predict(queries, removed=1)
    np.testing.assert_array_equal(result.prediction.expression, alone.expression)
    recorded = result.prediction.record["query"]
    assert recorded["image"] == "toy4.jpg"
    assert (recorded["mpp"], recorded["mpp_source"]) == (1.0, "given")
    assert recorded["pitch_um"] > 0
    assert json.loads(facts.read_text()) == result.facts | {"notes": list(result.notes)}
    assert result.facts["largest_relative_gap"] <= 1e-6
    assert result.facts["image_weight"] == SMALL.image_weight


def test_any_method_and_references_left_out(references, query, toy_cache):
    request = PredictRequest(
        references,
        query,
        MeanProfile("counts"),
        "color",
        without_slides=("toy1",),
        cache=toy_cache,
    )
    result = predict(request)
    rest = references.without(slides=["toy1"])
    mean = rest.on_scale("counts")[~rest.empty].mean(axis=0)
    assert result.prediction.citations is None
    everywhere = rest.measured_everywhere
    np.testing.assert_allclose(
        result.prediction.expression[0][everywhere], np.asarray(mean).ravel()[everywhere], rtol=1e-4
    )
    assert "references_per_spot" not in result.facts


def test_predictions_of_someone_else_open_no_image(references, toy_sections, slides_read, tmp_path):
    section, genes = toy_sections[3], references.genes[references.measured_everywhere][:30]
    values = np.abs(np.random.default_rng(0).normal(1, 1, (section.n_spots, 30)))
    pd.DataFrame(values, section.spots, genes).to_csv(tmp_path / "theirs.csv")
    pd.DataFrame(section.xy, section.spots, ["x", "y"]).to_csv(tmp_path / "spots.csv")
    request = PredictRequest(
        references,
        QuerySlide("toy4", spots=tmp_path / "spots.csv"),
        Retrieval(initial=InitialFile(tmp_path / "theirs.csv", "log1p"), scale="log1p"),
        removed=0,
    )
    result = predict(request)
    assert slides_read.opened == []
    assert result.facts["image_weight"] == 0
    assert result.prediction.thumbnails is None


def test_genes_with_missing_values_are_counted_and_left_out_on_request(
    references, query, toy_cache, tmp_path
):
    strict = replace(SMALL, min_coverage=0.95)
    whole = predict(PredictRequest(references, query, strict, "color", removed=0, cache=toy_cache))
    missing = whole.prediction.missing.any(axis=0)
    assert 0 < missing.sum() == whole.facts["genes_with_missing_values"]
    assert any("--drop-missing" in note for note in whole.notes)
    request = PredictRequest(
        references, query, strict, "color",
        removed=0, cache=toy_cache, drop_missing=True, out=tmp_path / "p.h5ad",
    )  # fmt: skip
    rest = predict(request)
    assert rest.facts["genes"] == (~missing).sum()
    written = read_prediction(tmp_path / "p.h5ad")
    np.testing.assert_array_equal(written.expression, whole.prediction.expression[:, ~missing])
    spot, gene = example_of(written)
    one, other = (explain(each, spot=spot, gene=gene) for each in (written, whole.prediction))
    assert one.value == other.value
    assert one.cited_value == pytest.approx(one.value, abs=1e-5)
    values = one.citations.drop(columns="top_genes")  # among the genes that are left
    pd.testing.assert_frame_equal(values, other.citations.drop(columns="top_genes"))


def test_the_example_is_a_value_worth_a_look(references, query, toy_cache):
    made = predict(PredictRequest(references, query, SMALL, "color", removed=0, cache=toy_cache))
    spot, gene = example_of(made.prediction)
    values = made.prediction.values_of(np.array([gene]))[:, 0]
    assert values[made.prediction.position_of(spot=spot)] == values.max()
    assert np.isfinite(values).all()


def test_nothing_is_read_before_the_outputs_are_checked(query, tmp_path):
    absent = tmp_path / "no.zarr"
    with pytest.raises(InputError, match="'-' is no file"):
        predict(PredictRequest(absent, query, json=Path("-")))
    with pytest.raises(InputError, match="image_weight must be in"):
        predict(PredictRequest(absent, query, Retrieval(image_weight=7)))
    with pytest.raises(InputError, match="no.zarr"):
        predict(PredictRequest(absent, query))
