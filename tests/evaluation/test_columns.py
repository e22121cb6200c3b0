import numpy as np
import pandas as pd
import pytest

from spatialrag.evaluation.columns import (
    COLUMNS,
    ROWS,
    cell,
    column,
    family,
    legend,
    markdown_legend,
    oracle_first,
    texts,
)
from spatialrag.evaluation.domains import ORACLE, SCORES
from spatialrag.evaluation.report import CITATION_COLUMNS, CORE_COLUMNS, GLOBAL_COLUMNS
from spatialrag.workflow.results import METRICS, SHOWN

PRINTED = [
    *CORE_COLUMNS,
    *GLOBAL_COLUMNS,
    *CITATION_COLUMNS,
    *(f"{group} {name}" for group in METRICS for name in METRICS[group]),
    "core pcc_300, over seeds",
    *SCORES,
    *("n_scored", "seeds", "seconds", ORACLE, "markers found"),
    *("encoder", "leave", "less", "metric", "mean", "low", "high", "slides", "anchors"),
]


@pytest.mark.parametrize("heading", PRINTED)
def test_every_printed_column_has_one_line(heading):
    lines = legend([pd.DataFrame(columns=[heading])])
    assert family(heading) in lines
    for text in lines.values():
        assert 10 < len(text) < 200
        assert "\n" not in text


def test_what_is_fixed_beforehand_stands_before_what_the_slide_chose():
    for names in (CORE_COLUMNS, GLOBAL_COLUMNS, *SHOWN.values()):
        fixed = [i for i, name in enumerate(names) if name.startswith("fixed_")]
        chosen = [
            i for i, name in enumerate(names) if name.startswith("pcc_") and name != "pcc_all"
        ]
        assert max(fixed) < names.index("n_above_null") < min(chosen)


def test_lines_say_which_way_is_good():
    assert all(known.good in ("higher", "lower", "near 0", "") for known in COLUMNS.values())
    lines = legend([pd.DataFrame(columns=["mse", "pcc_50", "moran_difference", "n_genes"])])
    assert lines["mse"].endswith("lower is better")
    assert lines["pcc_k"].endswith("higher is better")
    assert lines["moran_difference"].endswith("near 0 is best")
    assert lines["n_genes"] == COLUMNS["n_genes"].what
    assert markdown_legend({"mse": "x"}) == "- `mse`: x."


def test_legends_tell_each_kind_once_and_rows_that_are_no_methods():
    table = pd.DataFrame(columns=["pcc_10", "pcc_50", "unknown"], index=["depth_oracle", "generag"])
    other = pd.DataFrame(columns=["core pcc_300", "global pcc_300"], index=["null"])
    assert list(legend([table, other])) == ["pcc_k", "depth_oracle", "null"]
    assert set(ROWS) == {"depth_oracle", "noise_ceiling", "null_smooth", "null"}
    assert column("unknown") is None
    assert family("core genes' mean r, log1p") == "core genes' mean r, log1p"


@pytest.mark.parametrize(
    ("value", "heading", "expected"),
    [
        (7.0, "n_constant", "7"),
        (7, "n_constant", "7"),
        (7.25, "global n_constant", "7.2"),
        (3847.5, "n_above_null", "3847.5"),
        (np.float32(5000), "n_genes", "5000"),
        (0.12345, "pcc_300", "0.123"),
        (2.0, "mse", "2.000"),
        (0.012, "core n_above_null, over seeds", "0.012"),
        (140.0, "n_scored", "140"),
        (None, "mse", "–"),
        (float("nan"), "n_constant", "–"),
        (pd.NA, "", "–"),
        ("text", "mse", "text"),
        ([1, 2], "", "[1, 2]"),
        (3, "", "3"),
    ],
)
def test_values_as_they_print(value, heading, expected):
    assert cell(value, heading) == expected


def test_tables_as_text():
    table = pd.DataFrame({"n_constant": [7.0, np.nan], "mse": [0.5, 2]}, ["a", "depth_oracle"])
    assert texts(table).to_numpy().tolist() == [["7", "0.500"], ["–", "2.000"]]
    assert list(oracle_first(table).index) == ["depth_oracle", "a"]
    assert oracle_first(table.iloc[:1]).equals(table.iloc[:1])
