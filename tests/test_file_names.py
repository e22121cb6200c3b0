from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from spatialrag.file_names import file_name


@pytest.mark.parametrize(
    "name", ["s1", "B1_1", "TENX95", "s1.rep", "slide 1", "P1 (her2)", "Größe", "a-b+c=d"]
)
def test_plain_names_are_file_names(name):
    assert file_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["../x", "/abs/x", "a/b", "a\\b", "..", ".", "", ".hidden", "-rf", "x.", "con", "NUL.txt"],
)
def test_names_that_lead_elsewhere_get_a_hash(name):
    safe = file_name(name)
    assert safe != name
    assert "~" in safe
    assert "/" not in safe


@pytest.mark.parametrize(
    "name",
    ["a:b", "a~b", "a\nb", "a\x1b[31m", "e\u0301", "x" * 300, "a\u202eb", "\ud800", " x", "*"],
)
def test_other_names_get_a_hash(name):
    safe = file_name(name)
    assert safe != name
    assert "~" in safe


@given(st.lists(st.text(max_size=200), min_size=2, max_size=2, unique=True))
def test_file_names_are_safe_and_one_to_one(pair):
    first, second = (file_name(name) for name in pair)
    assert first != second
    for safe in (first, second):
        assert Path(safe).name == safe
        assert safe not in (".", "..", "")
        assert len(safe.encode()) <= 160
        assert safe.isprintable()
