import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from spatialrag.errors import InputError
from spatialrag.tables.numbers import is_number, parse_number, to_numbers


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.5", 0.5),
        ("0,5", 0.5),
        (" 2 ", 2),
        ("\x1c20,5\x1c", 20.5),
        ("1e-1", 0.1),
        ("12,3456", 12.3456),
    ],
)
def test_one_number(text, value):
    assert parse_number(text, what="mpp") == value


@pytest.mark.parametrize(
    "text", ["", "abc", "1,234", "1.234,5", "nan", "inf", "1 2", "0x10", "1_0"]
)
def test_not_a_number(text):
    assert not is_number(text) or text == "1,234"
    with pytest.raises(InputError, match="mpp is no number"):
        parse_number(text, what="mpp")


def test_decimal_commas_are_counted():
    frame = pd.DataFrame({"x": ["140,0", "65,25"], "n": [1, 2]}, index=["a", "b"])
    values, notes = to_numbers(frame, name="t.csv")
    assert values.tolist() == [[140, 1], [65.25, 2]]
    assert notes == ("2 decimal commas of t.csv read as points",)


def test_a_comma_that_may_separate_thousands():
    frame = pd.DataFrame({"x": ["1,234", "2,345"]}, index=["a", "b"])
    with pytest.raises(InputError, match=r"(?s)separate thousands.*'1,234' in row 'a', column 'x'"):
        to_numbers(frame, name="t.tsv")
    assert to_numbers(frame, name="t.csv", commas=True)[0].tolist() == [[1.234], [2.345]]


@pytest.mark.parametrize("cell", ["n/a?", "", "nan", "inf", "1.2.3", "True"])
def test_the_cell_is_named(cell):
    frame = pd.DataFrame({"x": ["1", "2"], "G1": ["3", cell]}, index=["a", "b"])
    with pytest.raises(InputError, match=r"(?s)1 of 4.*in row 'b', column 'G1'"):
        to_numbers(frame, name="t.csv")


def test_missing_numbers_are_refused():
    with pytest.raises(InputError, match="row '1'"):
        to_numbers(pd.DataFrame({"x": [1.0, np.nan]}), name="t.csv")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_points_and_commas_mean_the_same(values):
    texts = [repr(value) for value in values]
    points, _ = to_numbers(pd.DataFrame({"x": texts}), name="t")
    commas, _ = to_numbers(
        pd.DataFrame({"x": [text.replace(".", ",") for text in texts]}), name="t", commas=True
    )
    assert points.ravel().tolist() == values
    assert commas.ravel().tolist() == values
