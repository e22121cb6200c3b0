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
