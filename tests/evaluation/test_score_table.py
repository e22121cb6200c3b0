import pandas as pd

from spatialrag.evaluation.score_table import COLUMNS, melt_scores, score_table


def test_every_number_is_a_row():
    entry = {"core": {"pcc_50": 0.5, "note": "x"}, "seconds": 2, "per_gene": pd.DataFrame()}
    found = score_table({"A": {"ridge": entry, "depth": {"core": {"pcc_50": 0.1}}}}, seed=3)
    assert tuple(found) == COLUMNS
    assert found.to_numpy().tolist() == [
        ["A", "ridge", 3, "core", "pcc_50", 0.5],
        ["A", "ridge", 3, "", "seconds", 2.0],
        ["A", "depth", 3, "core", "pcc_50", 0.1],
    ]
    assert tuple(score_table({})) == COLUMNS


def test_a_column_per_metric_becomes_a_row_per_metric():
    runs = pd.DataFrame({"arm": ["a", "b"], "seed": [0, 1], "ari": [0.5, None], "seconds": [1, 2]})
    found = melt_scores(runs, slide="S", method="arm", group="domains")
    assert found.to_numpy().tolist() == [
        ["S", "a", 0, "domains", "ari", 0.5],
        ["S", "a", 0, "domains", "seconds", 1.0],
        ["S", "b", 1, "domains", "seconds", 2.0],
    ]
