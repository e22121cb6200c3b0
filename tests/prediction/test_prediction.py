import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.prediction.prediction import Prediction


def make(**changes):
    arguments = {
        "slide": "s",
        "spots": np.array(["a", "b"]),
        "xy": np.zeros((2, 2)),
        "genes": np.array(["G", "H"]),
        "expression": np.array([[1.0, np.nan], [2, 3]], np.float32),
        "scale": "log1p",
    }
    return Prediction(**(arguments | changes))


def test_by_name():
    prediction = make()
    values = prediction.values_of(np.array(["H", "Z", "G"]))
    np.testing.assert_array_equal(values, [[np.nan, np.nan, 1], [3, np.nan, 2]])
    assert prediction.position_of(gene="H") == 1
    with pytest.raises(InputError, match="spot 'z' is not in the prediction"):
        prediction.position_of(spot="z")
    assert prediction.missing.sum() == 1


def test_a_spot_with_its_slide_before_it():
    prediction = make()
    spot = str(prediction.spots[1])
    assert prediction.position_of(spot=f"{prediction.slide}:{spot}") == 1
    with pytest.raises(InputError, match="of another slide"):
        prediction.position_of(spot=f"other:{spot}")
    with pytest.warns(UserWarning, match="h is read as H"):
        assert prediction.position_of(gene="h") == 1


def test_a_prediction_of_missing_values_alone_cannot_drop_them():
    with pytest.raises(InputError, match="no gene"):
        make(expression=np.full((2, 2), np.nan)).without_missing()


def test_faults():
    with pytest.raises(InputError, match="expression is"):
        make(genes=np.array(["G"]))
    with pytest.raises(InputError, match="contains inf"):
        make(expression=np.array([[np.inf, 0], [0, 0]]))
    with pytest.raises(InputError, match="cites no references"):
        make().require_citations()
