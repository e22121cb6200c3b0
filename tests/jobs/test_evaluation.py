import json

import pytest

from spatialrag.errors import InputError
from spatialrag.evaluation.loso import section_of
from spatialrag.jobs.evaluation import EvaluateRequest, evaluate
from spatialrag.prediction.controls import MeanProfile


@pytest.fixture(scope="module")
def case(little_bank):
    """A control's prediction of the third little slide, the whole bank, and what was measured."""
    rest = little_bank.without(slides=["toy3"])
    prediction = MeanProfile().fit(rest).predict(little_bank.embeddings_of("toy3"))
    return prediction, little_bank, section_of(little_bank.select(["toy3"]), "toy3")


def test_scores_stand_beside_the_controls(case, tmp_path):
    facts = tmp_path / "scores.json"
    result = evaluate(EvaluateRequest(*case, n_core=20, n_global=60, json=facts))
    rows = json.loads(facts.read_text())["scores"]
    assert set(rows) == {"MeanProfile", "depth_oracle", "mean_profile", "null", "null_smooth"}
    assert rows["MeanProfile"]["core"]["pcc_10"] == rows["mean_profile"]["core"]["pcc_10"] == 0
    assert rows["depth_oracle"]["core"]["pcc_10"] > 0
    assert list(result.report.slides) == ["toy3"]
    assert result.markers == {}


def test_the_slide_itself_fixes_no_gene(case):
    """Genes are fixed before the measured slide is looked at: it is left out of the bank."""
    prediction, bank, measured = case
    apart = bank.without(slides=["toy3"])
    request = EvaluateRequest(prediction, apart, measured, n_core=20, n_global=60)
    whole = EvaluateRequest(prediction, bank, measured, n_core=20, n_global=60)
    tables = [evaluate(each).report.slides["toy3"] for each in (request, whole)]
    without, within = (table["depth_oracle"] for table in tables)
    assert without["core"] == within["core"]
    assert without["global"] == within["global"]


def test_outputs_are_checked_first(tmp_path):
    absent = tmp_path / "p.h5ad"
    with pytest.raises(InputError, match="it would be overwritten"):
        evaluate(EvaluateRequest(absent, absent, absent, json=absent))


def test_a_table_of_regions_without_regions_is_refused(case, tmp_path):
    table = tmp_path / "regions.csv"
    table.write_text("spot\n" + "\n".join(case[0].spots))
    with pytest.raises(InputError, match="has no column of regions"):
        evaluate(EvaluateRequest(*case, n_core=20, n_global=60, regions=table))
