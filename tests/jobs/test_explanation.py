import json

import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.jobs.explanation import ExplainRequest, explain
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.store import write_prediction


@pytest.fixture(scope="module")
def prediction(little_bank):
    queries = little_bank.embeddings_of("toy3")
    return GeneRAG(n_anchors=40).fit(little_bank.without(slides=["toy3"])).predict(queries)


def test_table_figure_and_json_say_the_same(prediction, tmp_path):
    path = write_prediction(prediction, tmp_path / "p.h5ad")
    spot, gene = prediction.spots[3], prediction.genes[7]
    request = ExplainRequest(
        path,
        spot,
        gene,
        csv=tmp_path / "c.csv",
        figure=tmp_path / "c.png",
        json=tmp_path / "c.json",
    )
    found, read = explain(request)
    assert read.slide == "toy3"
    told = json.loads((tmp_path / "c.json").read_text())
    table = pd.read_csv(tmp_path / "c.csv")
    assert told["value"] == pytest.approx(float(prediction.values_of([gene])[3, 0]))
    assert told["cited_value"] == pytest.approx(table["contribution"].sum())
    assert len(told["citations"]) == len(table) == len(found.citations)
    assert (tmp_path / "c.png").stat().st_size > 1000
    in_memory, _ = explain(ExplainRequest(prediction, spot, gene))
    assert in_memory.value == found.value


def test_outputs_are_checked_first(tmp_path):
    absent = tmp_path / "p.h5ad"
    with pytest.raises(InputError, match="it would be overwritten"):
        explain(ExplainRequest(absent, "a", "b", csv=absent))
