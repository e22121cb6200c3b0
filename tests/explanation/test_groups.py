import numpy as np
import pandas as pd
import pytest

from spatialrag.explanation.explanation import explain
from spatialrag.explanation.groups import REST, UNCITED, group_table
from spatialrag.prediction.generag import GeneRAG
from spatialrag.prediction.store import from_anndata, to_anndata

CITATIONS = pd.DataFrame(
    {
        "reference": ["s:1", "s:2", "t:1", "t:2"],
        "slide": ["s", "s", "t", "t"],
        "donor": ["d", "d", "e", "e"],
        "weight": [0.4, 0.3, 0.2, 0.1],
        "share": [0.4, 0.3, 0.2, 0.1],
        "measured": [2.0, 4.0, 1.0, np.nan],
        "contribution": [0.8, 1.2, 0.2, 0.0],
        "group": ["2", "1", "1", REST],
    }
)


def test_rows_by_hand():
    table = group_table(CITATIONS, value=2.2, uncited=False)
    assert table.index.tolist() == ["1", "2", REST]
    first = table.loc["1"]
    assert (first["references"], first["donors"], first["typical"]) == (2, 2, "s:2")
    assert first["slides"] == "s (1), t (1)"
    assert first["share"] == pytest.approx(0.5)
    assert first["contribution"] == pytest.approx(1.4)
    assert first["value_share"] == pytest.approx(1.4 / 2.2)
    assert (first["mean"], first["spread"]) == (2.5, 1.5)
    assert np.isnan(table.loc[REST, "mean"])
    assert "positive" not in table


def test_signs_are_told_apart_and_an_uncited_part_has_its_row():
    signed = CITATIONS.assign(weight=[0.4, -0.3, 0.2, 0.1])
    table = group_table(signed, value=3.0, uncited=True)
    assert table.loc["1", "positive"] == pytest.approx(0.2)
    assert table.loc["1", "negative"] == pytest.approx(0.3)
    assert table.loc[UNCITED, "contribution"] == pytest.approx(0.8)
    assert table["contribution"].sum() == pytest.approx(3.0)


def test_a_value_of_nothing_has_no_shares():
    assert group_table(CITATIONS, value=0.0, uncited=False)["value_share"].isna().all()


def test_without_groups_the_table_is_empty():
    assert group_table(CITATIONS.drop(columns="group"), value=1.0, uncited=False).empty


def test_groups_are_kept_in_the_file_and_sum_to_the_value(references, queries):
    prediction = GeneRAG(n_anchors=60).fit(references).predict(queries)
    read = from_anndata(to_anndata(prediction))
    about = {"spot": read.spots[3], "gene": read.genes[0]}
    found = explain(read, **about)
    pd.testing.assert_frame_equal(found.groups, explain(prediction, **about).groups)
    assert found.groups["share"].sum() == pytest.approx(1)
    assert found.groups["contribution"].sum() == pytest.approx(found.value, rel=1e-5)
    assert "carr" in found.headline
