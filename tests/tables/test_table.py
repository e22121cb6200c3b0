import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from spatialrag.errors import InputError
from spatialrag.tables.table import read_table, table_of_text


def of(text, **options):
    return table_of_text(text, name="t.csv", **options)


def test_names_stay_text():
    table = of("spot,x,y\n007,1,2\n1e2,3,4\nNA,5,6\n").named()
    assert table.frame.index.tolist() == ["007", "1e2", "NA"]
    assert table.numbers(["x", "y"])[0].tolist() == [[1, 2], [3, 4], [5, 6]]


def test_a_data_frames_own_index_is_not_a_name():
    table = of(",barcode,x\n0,AA-1,1\n1,AC-1,2\n").named()
    assert table.frame.index.tolist() == ["AA-1", "AC-1"]
    assert table.frame.columns.tolist() == ["x"]
    assert "its column 'barcode'" in table.notes[0]
    assert of("x,y,spot\n1,2,007\n3,4,008\n").named().frame.index.tolist() == ["007", "008"]
    assert "are row numbers" in of(",x\n0,5\n1,6\n").named().notes[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y,G\n1,2,3\n", "does not name its spots"),
        (",G,G\na,1,2\n", r"duplicate column names: G \(2 times\)"),
        (",G,\na,1,2\n", "columns without a name"),
        (",G\na,1\na,2\n", "duplicate spot names: a"),
        (",G\na,1\na ,2\n", "duplicate spot names: a"),
        (",G\na,1\n,2\n", "1 of 2 spot names are empty"),
        ("onlyone\n", "holds no table"),
    ],
)
def test_refused(text, message):
    with pytest.raises(InputError, match=message):
        of(text).named()


def test_an_empty_last_column_goes():
    assert of("a,b,\n1,2,\n").frame.columns.tolist() == ["a", "b"]


def test_columns_that_must_be_there():
    with pytest.raises(InputError, match=r"(?s)lacks the columns y, z.*got: +columns a, x"):
        of("a,x\n1,2\n").require(["x", "y", "z"], purpose="places")


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.csv.gz", "t.parquet", "t.txt"])
def test_files(tmp_path, name):
    frame = pd.DataFrame({"x": [1.5, 2], "flag": [True, False]}, index=["007", "b"])
    path = tmp_path / name
    if name.endswith("parquet"):
        frame.to_parquet(path)
    else:
        frame.to_csv(path, sep="," if "csv" in name else "\t")
    table = read_table(path).named()
    assert table.frame.index.tolist() == ["007", "b"]
    assert table.frame["flag"].tolist() == ["True", "False"]
    assert table.numbers(["x"])[0].ravel().tolist() == [1.5, 2]


def test_parquet_without_an_index(tmp_path):
    frame = pd.DataFrame({"barcode": ["b", "a"], "x": [1, 2], "note": [None, "n"]})
    frame.to_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet").named()
    assert table.frame.index.tolist() == ["b", "a"]
    assert table.frame["note"].tolist() == ["", "n"]
    frame.assign(barcode=[7.0, 8.0]).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="names as text"):
        read_table(tmp_path / "t.parquet").named()
    (tmp_path / "t.parquet").write_bytes((tmp_path / "t.parquet").read_bytes()[:200])
    with pytest.raises(InputError, match="cannot be read as a table"):
        read_table(tmp_path / "t.parquet")


def test_content_counts_not_the_name(tmp_path):
    pd.DataFrame({"x": [1]}, index=["a"]).to_parquet(tmp_path / "t.csv")
    assert read_table(tmp_path / "t.csv").named().frame.loc["a", "x"] == 1
    (tmp_path / "g.csv").write_bytes(gzip.compress(b",x\na,1\n"))
    assert read_table(tmp_path / "g.csv").named().frame.loc["a", "x"] == 1
    for content in (b"PK\x03\x04xl", b"<html>", b"\x89HDF\r\n\x1a\n", b"", b"\x00\x01"):
        (tmp_path / "t.csv").write_bytes(content)
        with pytest.raises(InputError, match="cannot be read as a table"):
            read_table(tmp_path / "t.csv")


def test_comments(tmp_path):
    (tmp_path / "m.tsv").write_text("# said\nlabel\ttype\n#x\ty\n1\t2\n")
    table = read_table(tmp_path / "m.tsv", comment="#", as_text=True)
    assert table.frame.to_dict("list") == {"label": ["1"], "type": ["2"]}


NAMES = st.text(alphabet="abc019.e-N A,;\"'\té", min_size=1, max_size=6).filter(str.strip)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(NAMES, min_size=1, max_size=4, unique_by=str.strip),
    st.lists(NAMES, min_size=1, max_size=4, unique_by=str.strip),
    st.integers(0, 2**32 - 1),
    st.sampled_from([",", "\t", ";"]),
)
def test_what_pandas_writes_comes_back(rows, columns, seed, separator):
    """Whatever the names: the right table, or an `InputError`."""
    values = np.random.default_rng(seed).normal(size=(len(rows), len(columns))).round(3)
    frame = pd.DataFrame(values, index=rows, columns=columns)
    try:
        table = of(frame.to_csv(sep=separator), usual=separator).named()
        found, _ = table.numbers(table.frame.columns)
    except InputError:
        return
    assert table.frame.index.tolist() == [row.strip() for row in rows]
    assert table.frame.columns.tolist() == [column.strip() for column in columns]
    np.testing.assert_allclose(found, values, rtol=1e-15)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab01.,;\t\n\"' -eé=", max_size=60))
def test_any_text_is_a_table_or_an_input_error(text):
    try:
        table = of(text).named()
        table.numbers(table.frame.columns)
    except InputError:
        pass
