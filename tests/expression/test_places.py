import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.expression.places import places_of

XY = np.array([[1.0, 20], [2, 10], [3, 30]])
OBS = pd.DataFrame(index=["a", "b", "c"])


def places(spatial=None, obs=OBS, **options):
    obsm = {} if spatial is None else {"spatial": spatial}
    return places_of(obsm, obs, subject="s", **options)


def frame(**columns):
    return pd.DataFrame(columns, index=OBS.index)


@pytest.mark.parametrize(
    "spatial",
    [
        XY,
        XY.astype(int),
        XY.astype(str),
        XY.astype(bytes),
        XY.astype(object),
        sparse.csr_matrix(XY),
        np.column_stack([XY, np.full(3, 7.0)]),
        frame(x=XY[:, 0], y=XY[:, 1]),
        frame(cell_id=[0, 1, 2], x=XY[:, 0], y=XY[:, 1]),
        frame(imagerow=XY[:, 1], imagecol=XY[:, 0]),
        frame(pxl_row_in_fullres=XY[:, 1], pxl_col_in_fullres=XY[:, 0]),
        frame(first=XY[:, 0], second=XY[:, 1]),
        frame(x=XY[:, 0], y=XY[:, 1], z=[5.0, 5, 5]),
        frame(x=pd.Categorical(XY[:, 0].astype(str)), y=XY[:, 1].astype(str)),
    ],
)
def test_whatever_form_they_have(spatial):
    np.testing.assert_array_equal(places(spatial)[0], XY)


def test_columns_of_obs_where_obsm_has_none():
    for names in (
        ("x", "y"),
        ("imagecol", "imagerow"),
        ("pxl_col_in_fullres", "pxl_row_in_fullres"),
    ):
        obs = pd.DataFrame(XY, index=OBS.index, columns=list(names))
        xy, notes = places(obs=obs[list(names)[::-1]])
        np.testing.assert_array_equal(xy, XY)
        assert f"the columns {names[0]} and {names[1]}" in notes[-1]
    assert places() == (None, ())
    np.testing.assert_array_equal(places_of({"X_spatial": XY}, OBS, subject="s")[0], XY)


@pytest.mark.parametrize(
    ("spatial", "message"),
    [
        (np.column_stack([XY, [0, 0, 9.0]]), r"(?s)3 columns without names.*the third from 0 to 9"),
        (np.column_stack([[0, 1, 2], XY]), "more than two vary"),
        (frame(x=XY[:, 0], y=XY[:, 1], z=[0, 0, 9.0]), "a depth z that varies"),
        (frame(u=XY[:, 0], v=XY[:, 1], w=XY[:, 0]), "which columns are x and y"),
        (frame(x=["1", "NA", "3"], y=XY[:, 1]), r"(?s)'NA' in row 'b', column 'x'"),
        (np.array([[1, 2], [np.nan, 1], [3, 4]]), r"(?s)row 'b'"),
        (XY[:2], r"\(2, 2\)"),
        (XY[:, :1], r"\(3, 1\)"),
        (np.arange(3.0), r"\(3,\)"),
    ],
)
def test_refused_by_name(spatial, message):
    with pytest.raises(InputError, match=message):
        places(spatial)


def test_a_key_that_was_asked_for():
    with pytest.raises(InputError, match=r"has no obsm\['image_xy'\]"):
        places(XY, key="image_xy")
