import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.metrics.expression import pearson_per_gene
from spatialrag.prediction.generag import bank_search
from spatialrag.prediction.generag.bank_search import AXES, search_bank
from spatialrag.prediction.generag.generag import GeneRAG

SMALL = GeneRAG(n_anchors=40, backbone="linear")


@pytest.fixture(scope="module")
def found(toy_bank):
    return search_bank(toy_bank, SMALL, minutes=0.0)


def test_without_time_the_default_alone_is_measured(toy_bank, found):
    assert len(found.tried) == 1
    assert found.choice == {name: getattr(SMALL, name) for name, _ in AXES}
    assert found.bank == toy_bank.fingerprint


def test_reliability_is_that_of_leaving_parts_out_by_hand(toy_bank, found):
    donors = toy_bank.slides["donor"]
    assert found.left_out == ("donor" if donors.nunique() >= 3 else "slide")
    by_slide = {}
    for slide in toy_bank.slides.index:
        out = donors.index[donors == donors[slide]] if found.left_out == "donor" else [slide]
        rest, alone = toy_bank.without(slides=out), toy_bank.select([slide])
        prediction = SMALL.fit(rest).predict(toy_bank.embeddings_of(slide))
        truth = alone.on_scale(SMALL.scale).toarray()
        r = pearson_per_gene(prediction.values_of(alone.genes), truth)
        r[np.ptp(truth, axis=0) == 0] = np.nan
        by_slide[slide] = pd.Series(r, index=alone.genes).where(
            np.isin(alone.genes, prediction.genes)
        )
    expected = pd.DataFrame(by_slide).mean(axis=1).dropna()
    np.testing.assert_allclose(found.reliability[expected.index], expected, atol=1e-6)
    assert set(found.slides.index) == set(toy_bank.slides.index)


def test_a_value_is_taken_only_for_a_gain_beyond_its_error(toy_bank, monkeypatch):
    """Scores are made up: smoothing 0 gains on every slide, the others on some."""

    def evaluate(settings, fold):
        place = list(toy_bank.slides.index).index(fold.slide)
        score = 0.2 + 0.05 * (settings.smoothing == 0.0)
        score += (0.01 if place else -0.03) * (settings.strength == 0.1)
        return bank_search._Result(score, 10.0, pd.Series({"G": score}))

    monkeypatch.setattr(bank_search, "_evaluate", evaluate)
    found = search_bank(toy_bank, SMALL)
    assert found.choice == {name: getattr(SMALL, name) for name, _ in AXES} | {"smoothing": 0.0}
    assert found.reliability["G"] == pytest.approx(0.25)
    best = found.tried.loc[found.tried["score"].idxmax()]
    assert best["smoothing"] == 0.0
    assert best["gain"] == pytest.approx(0.05)


def test_an_interrupted_search_goes_on_from_its_scores(toy_bank, tmp_path, monkeypatch):
    calls = []
    true = bank_search._evaluate

    def counted(settings, fold):
        calls.append(fold.slide)
        return true(settings, fold)

    monkeypatch.setattr(bank_search, "_evaluate", counted)
    monkeypatch.setattr(bank_search, "AXES", (("smoothing", (0.0,)),))
    first = search_bank(toy_bank, SMALL, cache=tmp_path)
    (kept,) = tmp_path.iterdir()
    assert len(json.loads(kept.read_text())) == 2
    n, again = len(calls), search_bank(toy_bank, SMALL, cache=tmp_path)
    assert len(calls) - n <= len(toy_bank.slides)  # for reliability alone
    pd.testing.assert_frame_equal(first.tried, again.tried)
    pd.testing.assert_series_equal(first.reliability, again.reliability)
    kept.write_text(kept.read_text()[:20])
    with pytest.raises(InputError, match="does not hold scores"):
        search_bank(toy_bank, SMALL, cache=tmp_path)


def test_banks_that_cannot_be_tuned(toy_bank):
    with pytest.raises(InputError, match="at least two slides"):
        search_bank(toy_bank.select(["toy1"]), SMALL)
    with pytest.raises(InputError, match="no embeddings"):
        search_bank(replace(toy_bank, embeddings=None, encoder=None), SMALL)


def test_two_slides_are_too_few_to_choose_on(toy_bank):
    two = toy_bank.select(["toy1", "toy2"])
    found = search_bank(two, SMALL)
    assert len(found.tried) == 1
    assert found.reliability.notna().any()
