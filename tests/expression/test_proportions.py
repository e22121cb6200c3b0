import zipfile

import numpy as np
import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.expression.proportions import (
    Proportions,
    read_her2st_proportions,
    read_proportions,
)

TABLE = pd.DataFrame([[0.25, 0.75], [1.0, 0.0]], index=["1x2", "3x4"], columns=["A", "B "])


def test_rows_by_name():
    found = Proportions(TABLE.to_numpy(), ["s:1", "s:2"], ["A", "B"])
    values = found.of(["s:2", "s:9"])
    assert values[0].tolist() == [1, 0]
    assert np.isnan(values[1]).all()


def test_faults_are_listed_together():
    values = np.array([[0.5, 0.6], [1.2, -0.2], [np.nan, 1], [0.5, 0.5]])
    with pytest.raises(
        InputError, match=r"(?s)1 spots with missing.*1 spots with negative.*1 spots whose shares"
    ):
        Proportions(values, list("abcd"), ["A", "B"])
    with pytest.raises(InputError, match=r"(?s)repeated spots: a.*repeated types: A"):
        Proportions(np.full((2, 2), 0.5), ["a", "a"], ["A", "A"])
    with pytest.raises(InputError, match="fewer than two types"):
        Proportions(np.ones((1, 1)), ["a"], ["A"])


def test_her2st_archive(tmp_path):
    folder = tmp_path / "res" / "ST-deconv" / "props"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "major.zip", "w") as archive:
        for section in ("A1", "B1"):
            archive.writestr(f"major/{section}-proportion.tsv", TABLE.to_csv(sep="\t"))
    found = read_her2st_proportions(tmp_path, ["B1", "A1"])
    assert found.spots.tolist() == ["B1:1x2", "B1:3x4", "A1:1x2", "A1:3x4"]
    assert found.types.tolist() == ["A", "B"]
    with pytest.raises(InputError, match="no section 'C1'"):
        read_her2st_proportions(tmp_path, ["C1"])
    with pytest.raises(InputError, match="unknown tier"):
        read_her2st_proportions(tmp_path, ["A1"], tier="all")
    with pytest.raises(InputError, match="does not exist"):
        read_her2st_proportions(tmp_path, ["A1"], tier="minor")


def test_table(tmp_path):
    TABLE.to_csv(tmp_path / "p.tsv", sep="\t")
    assert read_proportions(tmp_path / "p.tsv").values[0].tolist() == [0.25, 0.75]
    (TABLE * 2).to_csv(tmp_path / "bad.csv")
    with pytest.raises(InputError, match="do not sum to 1"):
        read_proportions(tmp_path / "bad.csv")


def test_tables_that_are_none(tmp_path):
    path = tmp_path / "p.csv"
    for text, message in (
        ("spot,A,B\ns:1,0.5,half\n", r"(?s)not numbers.*'half' in row 's:1', column 'B'"),
        ("spot,A,A\ns:1,0.5,0.5\n", "duplicate column names: A"),
        ("spot,A,B\ns:1,0.5,0.5\ns:1,0.5,0.5\n", "duplicate spot names"),
        ("spot,A,B\ns:1,0.5\n", "has 2 fields"),
        ("", "an empty file"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_proportions(path)
    path.write_text("spot;A;B \ns:1;0,25;0,75\n")
    found = read_proportions(path)
    assert found.types.tolist() == ["A", "B"]
    assert found.values.tolist() == [[0.25, 0.75]]
    archive = tmp_path / "res" / "ST-deconv" / "props" / "major.zip"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match="a zip archive"):
        read_her2st_proportions(tmp_path, ["A1"])
