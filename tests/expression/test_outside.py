import numpy as np
import pytest
from PIL import Image

from spatialrag.errors import InputError
from spatialrag.expression.outside import without_outside
from spatialrag.expression.section import Section


@pytest.fixture
def image(tmp_path):
    Image.new("RGB", (10, 8)).save(tmp_path / "p.png")
    return tmp_path / "p.png"


def section(image, n_outside, place=(-1.0, 5.0)):
    xy = np.full((10, 2), 5.0) + np.arange(10)[:, None] / 10
    xy[:n_outside] = place
    names = [f"s{i}" for i in range(10)]
    return Section("T2", "d", np.ones((10, 1)), ["A"], names, xy, image=image, mpp=1.0)


def test_a_few_are_left_out_and_named(image):
    whole = section(image, 0)
    assert without_outside(whole) is whole
    kept = without_outside(section(image, 2))
    assert kept.spots.tolist() == [f"s{i}" for i in range(2, 10)]
    assert kept.notes == ("2 of 10 spots of T2 outside the image left out: s0, s1",)
    for place in ((11, 5), (5, 9), (5, -1)):
        assert without_outside(section(image, 1, place)).n_spots == 9
    assert without_outside(section(image, 1, (10, 8))).n_spots == 10  # the edge is inside
    assert without_outside(section(None, 9)).n_spots == 10


def test_many_mean_another_picture(image):
    with pytest.raises(InputError, match=r"(?s)3 of 10 spots of 'T2' lie outside.*x -1 to"):
        without_outside(section(image, 3))
