import numpy as np
import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.expression.section import Section


def section(**changes):
    arguments = {
        "slide": "s",
        "donor": "d",
        "expression": np.array([[1.0, 2], [0, 0]]),
        "genes": ["a", "b"],
        "spots": ["x", "y"],
    }
    return Section(**(arguments | changes))


def test_single_empty_spots_are_kept_and_listed():
    assert section().empty_spots.tolist() == ["y"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"genes": ["a", "a"]}, "duplicate gene names: a"),
        ({"spots": ["x", "x"]}, "duplicate spot names: x"),
        ({"expression": np.array([[1.0, np.nan], [0, 0]])}, "NaN or inf"),
        ({"expression": np.array([[1.0, np.inf], [0, 0]])}, "NaN or inf"),
        ({"expression": np.array([[1.0, -2], [0, 0]])}, "negative values"),
        ({"expression": np.zeros((2, 2))}, "no counts at all"),
        ({"expression": np.ones((2, 3))}, r"matrix is \(2, 3\)"),
        ({"xy": np.zeros((1, 2))}, r"xy is \(1, 2\)"),
        ({"xy": np.array([[0, np.nan], [0, 0]])}, "xy contains NaN"),
        ({"scale": "tpm"}, "unknown expression scale"),
    ],
)
def test_bad_input(changes, message):
    with pytest.raises(InputError, match=message):
        section(**changes)


def test_positions_are_required_for_spots():
    with pytest.raises(InputError, match="no spot positions"):
        _ = section().located


def test_some_of_the_spots():
    whole = section(xy=np.array([[0.0, 1], [2, 3]]))
    some = whole.select(np.array(["y", "x"]))
    assert some.expression.toarray().tolist() == [[0, 0], [1, 2]]
    assert some.xy.tolist() == [[2, 3], [0, 1]]
    assert whole.select(np.array(["x", "y"])) is whole
    with pytest.raises(InputError, match="has no spots z"):
        whole.select(np.array(["z"]))


def test_names_pass_their_door():
    found = section(slide=" s ", donor="d2 ", spots=["x ", "y"], genes=["a", "b"])
    assert (found.slide, found.donor, found.spots.tolist()) == ("s", "d2", ["x", "y"])
    assert found.notes == ("1 spot names of section 's' trimmed: 'x '",)
    assert found.select(np.array(["y", "x"])).notes == found.notes
    for changes in ({"slide": "a/b"}, {"slide": "a:b"}, {"donor": ""}, {"genes": ["a", ""]}):
        with pytest.raises(InputError):
            section(**changes)


def test_columns_about_spots_go_with_them():
    obs = pd.DataFrame({"n": [1, 2]}, index=["x", "y"])
    assert section(obs=obs).select(np.array(["x"])).obs["n"].tolist() == [1]
    with pytest.raises(InputError, match="obs has 1 rows for 2 spots"):
        section(obs=obs[:1])
