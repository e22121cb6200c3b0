import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.slides.spots import Spots, spot_pitch


def test_all_faults_are_listed_together():
    with pytest.raises(InputError, match=r"(?s)2 faults.*duplicate spot names: a.*NaN or inf"):
        Spots("s", ["a", "a"], np.array([[0, np.nan], [1, 1]]))


def test_unknown_mpp_and_image_name_the_way_on():
    spots = Spots("s", ["a"], np.zeros((1, 2)))
    with pytest.raises(InputError, match="a JPEG's dpi is not its mpp"):
        spots.require_mpp()
    with pytest.raises(InputError, match="has no image"):
        spots.require_image()


def test_pitch_is_the_median_to_the_nearest():
    assert spot_pitch(np.array([[0.0, 0], [2, 0], [4, 0], [14, 0]])) == 2


def test_some_of_the_spots():
    spots = Spots("s", ["a", "b", "c"], np.arange(6.0).reshape(3, 2), mpp=0.5)
    some = spots.select(["c", "a"])
    assert some.spots.tolist() == ["c", "a"]
    assert some.xy.tolist() == [[4, 5], [0, 1]]
    assert some.mpp == 0.5
    with pytest.raises(InputError, match="has no spots d"):
        spots.select(["a", "d"])


def test_names_pass_their_door():
    with pytest.warns(UserWarning, match="1 spot names of slide 's' trimmed"):
        spots = Spots(" s", ["a ", "b"], np.zeros((2, 2)))
    assert (spots.slide, spots.spots.tolist()) == ("s", ["a", "b"])
    for slide in ("../up", "a:b", ""):
        with pytest.raises(InputError):
            Spots(slide, ["a"], np.zeros((1, 2)))
