from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spatialrag.bank.store import read_bank, update_bank, write_bank
from spatialrag.bank.tuning import BankTuning
from spatialrag.errors import InputError
from spatialrag.explanation.explanation import explain
from spatialrag.jobs.banks import (
    AddRequest,
    BuildRequest,
    TuneRequest,
    add,
    build,
    inspect,
    remove,
    tune,
)
from spatialrag.jobs.generag import Retrieval
from spatialrag.jobs.prediction import PredictRequest, predict
from spatialrag.jobs.queries import QuerySlide
from spatialrag.jobs.slides import Slides
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.store import read_prediction, write_prediction


def test_a_bank_grows_and_shrinks_to_the_same_bits(toy_table, toy_cache, tmp_path):
    path = tmp_path / "bank.zarr"
    three = Slides(toy_table, names=("toy1", "toy2", "toy3"))
    made = build(BuildRequest(three, path, "color", cache=toy_cache, json=tmp_path / "b.json"))
    assert made.facts["fingerprint"] == read_bank(path).fingerprint
    more = AddRequest(path, Slides(toy_table, names=("toy4",)), "color", cache=toy_cache)
    assert add(more).bank.slides.index.tolist() == ["toy1", "toy2", "toy3", "toy4"]
    with pytest.raises(InputError, match="already in the bank"):
        add(more)
    rest = remove(path, slides=("toy4",))
    assert rest.bank.fingerprint == made.bank.fingerprint
    assert "may remain in embedding caches" in rest.notes[0]
    assert str(inspect(path).facts) == str(made.facts)  # NaN is not equal to itself


def test_faults_before_any_slide_is_read(toy_table, tmp_path):
    (tmp_path / "taken.zarr").mkdir()
    absent = Slides(tmp_path / "no.csv")
    with pytest.raises(InputError, match="--overwrite"):
        build(BuildRequest(absent, tmp_path / "taken.zarr"))
    with pytest.raises(InputError, match="no encoder is called"):
        build(BuildRequest(absent, tmp_path / "b.zarr", "vit"))
    with pytest.raises(InputError, match="what shall be removed"):
        remove(tmp_path / "taken.zarr")


def test_a_bank_of_expression_takes_no_encoder(toy_table, tmp_path):
    path = tmp_path / "bank.zarr"
    build(BuildRequest(Slides(toy_table, names=("toy1",)), path))
    with pytest.raises(InputError, match="holds expression alone"):
        add(AddRequest(path, Slides(toy_table, names=("toy2",)), "color"))
    assert add(AddRequest(path, Slides(toy_table, names=("toy2",)))).bank.embeddings is None


def test_what_tuning_stores_is_used_by_predict_and_told(
    toy_bank, toy_sections, toy_cache, tmp_path
):
    path = write_bank(toy_bank.without(slides=["toy4"]), tmp_path / "b.zarr")
    found, result = tune(TuneRequest(path, minutes=0.0))
    assert result.facts["tuned"] == found.choice
    stored = replace(found, choice=dict(found.choice) | {"smoothing": 0.0, "strength": 0.1})
    update_bank(path, lambda bank: replace(bank, tuning=stored))
    asked = PredictRequest(
        path, QuerySlide("toy4", spots=toy_sections[3].located), encoder="color",
        removed=0, cache=toy_cache,
    )  # fmt: skip
    made = predict(asked)
    settings = made.prediction.record["settings"]
    assert (settings["smoothing"], settings["strength"]) == (0.0, 0.1)
    assert any("that `bank tune` chose" in note for note in made.notes)
    gene = str(made.prediction.genes[0])
    spot = str(made.prediction.spots[0])
    told = explain(made.prediction, spot=spot, gene=gene).reliability
    assert told == pytest.approx(float(found.reliability[gene]))
    written = read_prediction(write_prediction(made.prediction, tmp_path / "p.h5ad"))
    np.testing.assert_array_equal(written.reliability, made.prediction.reliability)

    stated = predict(replace(asked, method=Retrieval(strength=0.03))).prediction.record["settings"]
    assert (stated["smoothing"], stated["strength"]) == (0.0, 0.03)
    for method in (Retrieval(stored=False), Retrieval(backbone="linear"), GeneRAG()):
        ignored = predict(replace(asked, method=method)).prediction
        assert ignored.record["settings"]["smoothing"] == 0.75
        assert ignored.reliability is None  # another method was tuned
    without = predict(replace(asked, without_slides=("toy1",)))
    assert without.prediction.record["settings"]["smoothing"] == 0.75
    assert without.prediction.reliability is None
    assert any("tuning is not used" in note for note in without.notes)


def test_a_bank_that_changed_while_it_was_tuned_keeps_nothing(toy_bank, tmp_path, monkeypatch):
    path = write_bank(toy_bank, tmp_path / "b.zarr")

    def meanwhile(bank, *_, **__):
        update_bank(path, lambda current: current.without(slides=["toy4"]))
        return BankTuning(bank.fingerprint, "slide", {}, pd.DataFrame(), pd.Series(dtype=float))

    monkeypatch.setattr("spatialrag.jobs.banks.search_bank", meanwhile)
    with pytest.raises(InputError, match="changed while it was tuned"):
        tune(TuneRequest(path))
    assert read_bank(path).tuning is None
    with pytest.raises(InputError, match="0 minutes or more"):
        tune(TuneRequest(path, minutes=float("nan")))
