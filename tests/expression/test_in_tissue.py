import numpy as np
import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.expression.in_tissue import in_tissue


@pytest.mark.parametrize(
    "values",
    [
        [1, 0, 1],
        [1.0, 0.0, 1.0],
        [True, False, True],
        ["1", "0", "1"],
        ["True", "False", "TRUE"],
        pd.Categorical(["True", "False", "True"]),
        ["yes", "no ", "Yes"],
        ["1.0", "0.0", "1.0"],
        pd.array([1, 0, 1], dtype="Int64"),
        np.array([1, 0, 1], np.uint8),
    ],
)
def test_however_it_is_said(values):
    inside, notes = in_tissue(pd.DataFrame({"in_tissue": values}), subject="s")
    assert inside.tolist() == [True, False, True]
    assert notes == ("1 of 3 spots of s outside the tissue left out",)


def test_absent_or_unclear():
    assert in_tissue(pd.DataFrame(index=["a"]), subject="s")[0].all()
    for unclear in ("maybe", np.nan, 2, ""):
        obs = pd.DataFrame({"in_tissue": [1, unclear]}, index=["a", "b"])
        with pytest.raises(InputError, match=r"(?s)neither yes nor no for 1.*first: b"):
            in_tissue(obs, subject="s")
    with pytest.raises(InputError, match="no spot of s lies under tissue"):
        in_tissue(pd.DataFrame({"in_tissue": [0, 0]}), subject="s")
