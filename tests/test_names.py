import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from spatialrag.errors import InputError
from spatialrag.names import (
    clean_name,
    clean_names,
    clean_part,
    keys_of,
    name_of_file,
    split_key,
)


@pytest.mark.parametrize("kind", [list, np.array, lambda v: np.array(v, object)])
def test_names_are_text_and_stay(kind):
    written = ["007", "1e2", "NA", "nan", "True", "1.0", "Ä b"]
    names, notes = clean_names(kind(written), kind="spot", subject="s")
    assert names.tolist() == written
    assert notes == ()


def test_whole_numbers_and_bytes_become_text():
    assert clean_names([7, np.int64(8), b"c"], kind="spot", subject="s")[0].tolist() == [
        "7",
        "8",
        "c",
    ]


def test_trimmed_with_a_word():
    names, notes = clean_names(["d2 ", "\u00a0a", "\ufeffb", "c"], kind="donor", subject="t.csv")
    assert names.tolist() == ["d2", "a", "b", "c"]
    assert notes[0].startswith("3 donor names of t.csv trimmed: 'd2 '")
    composed, _ = clean_names(["e\u0301"], kind="donor", subject="t.csv")
    assert composed[0] == "\u00e9"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, 2.0], r"(?s)names as text.*1.0"),
        (["a", None], "has no name"),
        (["a", float("nan")], "has no name"),
        ([True, "a"], "names as text"),
        (["a", "  "], "1 of 2 spot names are empty"),
        (["a", "b\x1b[31m"], "not text"),
        (["a", "b\nc"], "not text"),
        (["a\u202eb"], "not text"),
        (["a", "b", "a "], r"duplicate spot names: a \(2 times\)"),
        ([b"\xff"], "names as text"),
    ],
)
def test_refused(values, message):
    with pytest.raises(InputError, match=message):
        clean_names(np.array(values, object), kind="spot", subject="s")


def test_parts_of_keys_and_files():
    assert clean_part(" P1.A ") == "P1.A"
    for bad in ("P1/A", "..\\x", "a:b", "..", "", "x" * 300, "a\0"):
        with pytest.raises(InputError):
            clean_part(bad)
    assert clean_name("Lung / left: 2", kind="donor") == "Lung / left: 2"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
def test_keys_name_one_spot(a, x, b, y):
    """Two pairs of slide and spot never share a key, whatever their names."""
    try:
        a, b = clean_part(a), clean_part(b)
    except InputError:
        return
    first, second = keys_of(a, [x])[0], keys_of(b, [y])[0]
    assert split_key(first) == (a, x)
    assert (first == second) == ((a, x) == (b, y))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("v/P1.A.csv.gz", "P1.A"),
        ("P1.A.h5ad", "P1.A"),
        ("P1.A", "P1.A"),
        ("P1.B.npz", "P1.B"),
        ("x.H5AD", "x"),
        ("s1.rep.TSV.GZ", "s1.rep"),
        (".csv", ""),
    ],
)
def test_names_of_files(path, name):
    assert name_of_file(path) == name
