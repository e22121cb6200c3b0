import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.jobs.generag import InitialFile, Retrieval
from spatialrag.jobs.prediction import PredictRequest, predict
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
    assert json.loads(facts.read_text()) == result.facts
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


def test_nothing_is_read_before_the_outputs_are_checked(query, tmp_path):
    absent = tmp_path / "no.zarr"
    with pytest.raises(InputError, match="'-' is no file"):
        predict(PredictRequest(absent, query, json=Path("-")))
    with pytest.raises(InputError, match="image_weight must be in"):
        predict(PredictRequest(absent, query, Retrieval(image_weight=7)))
    with pytest.raises(InputError, match="no.zarr"):
        predict(PredictRequest(absent, query))
