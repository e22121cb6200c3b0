import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.expression.table import read_frame, read_table

FRAME = pd.DataFrame(
    {"x": [1.5, 2.5], "y": [0.0, 1.0], "A": [3, 0], "B": [1, 2]}, index=["s1", "s2"]
)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.tsv.gz", "a.parquet"])
def test_formats(tmp_path, name):
    path = tmp_path / name
    if name.endswith("parquet"):
        FRAME.to_parquet(path)
    else:
        FRAME.to_csv(path, sep="\t" if "tsv" in name else ",")
    section = read_table(path, slide="s")
    assert section.genes.tolist() == ["A", "B"]
    assert section.xy.tolist() == [[1.5, 0], [2.5, 1]]
    assert section.expression.toarray().tolist() == [[3, 1], [0, 2]]


def test_bad_tables(tmp_path):
    FRAME.assign(A=["3", "many"]).to_csv(tmp_path / "a.csv")
    with pytest.raises(InputError, match="cells that are not numbers"):
        read_table(tmp_path / "a.csv")
    with pytest.raises(InputError, match="does not exist"):
        read_frame(tmp_path / "b.csv")
    (tmp_path / "c.xlsx").touch()
    with pytest.raises(InputError, match="unknown table format"):
        read_frame(tmp_path / "c.xlsx")
