import pandas as pd

from spatialrag.tables.markdown import markdown_table


def test_a_table_as_markdown():
    table = pd.DataFrame({"r": [0.5, 1.0], "n": [1, 2]}, index=["a|b", "c"])
    assert markdown_table(table, index="method").splitlines() == [
        "| method | r | n |",
        "|---|---|---|",
        "| a\\|b | 0.5 | 1 |",
        "| c | 1.0 | 2 |",
    ]
    told = markdown_table(table, cell=lambda value, heading: f"{heading}={value:.0f}")
    assert told.splitlines()[-1] == "| c | r=1 | n=2 |"
    assert markdown_table(table.iloc[:0]).splitlines() == ["|  | r | n |", "|---|---|---|"]
