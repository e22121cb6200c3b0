import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.slides.mpp import PixelSize, derive_mpp


def test_derived_from_pitch():
    xy = np.stack(np.meshgrid(np.arange(5), np.arange(4)), axis=-1).reshape(-1, 2) * 272.0
    pixel = derive_mpp(xy, pitch_um=200)
    assert pixel.mpp == pytest.approx(200 / 272)
    assert pixel.source.startswith("derived: 200 µm pitch")


@pytest.mark.parametrize("value", [0, -1, np.nan, 350])
def test_implausible_pixel_size(value):
    with pytest.raises(InputError, match="not plausible"):
        PixelSize(value, "given")


def test_one_spot_has_no_pitch():
    with pytest.raises(InputError, match="cannot be derived"):
        derive_mpp(np.zeros((1, 2)), pitch_um=200)
