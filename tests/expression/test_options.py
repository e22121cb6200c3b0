import pytest

from spatialrag.errors import InputError
from spatialrag.expression.options import describe, refuse_given


def test_what_does_not_apply_is_named():
    refuse_given({"layer": None}, subject="t.csv", reason="one matrix")
    with pytest.raises(InputError, match=r"(?s)t.csv cannot be read with layer.*layer='raw'"):
        refuse_given({"layer": "raw", "scale": None}, subject="t.csv", reason="one matrix")


def test_slides_and_files_are_both_named():
    assert describe("S1", "merged") == "S1 (merged)"
    assert describe(None, "merged") == describe("merged", "merged") == "merged"
