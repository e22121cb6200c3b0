import numpy as np
import pytest
from PIL import Image

from spatialrag.errors import InputError
from spatialrag.expression.pixel_size import Picture, choose_size, known_sizes, look_at
from spatialrag.slides.pixel_size import PixelSize

LINE = np.array([[0.0, 0], [50, 0], [100, 0]])


def choose(believed=None, **known):
    arguments = {"mpp": None, "picture": Picture(), "xy": LINE, "pitch_um": None, "stated": ()}
    return choose_size(known_sizes(**(arguments | known)), slide="S", believed=believed)


def test_the_surest_that_agree():
    assert choose() == (None, ())
    assert choose(mpp="2.1", pitch_um=100)[0] == PixelSize(2.1, "given")
    assert choose(picture=Picture(mpp=1.9), pitch_um=100)[0] == PixelSize(1.9, "file")
    assert choose(pitch_um=100)[0].mpp == 2.0
    assert choose(stated=[PixelSize(0.3, "Space Ranger")])[0].source == "Space Ranger"


@pytest.mark.parametrize(
    "known",
    [
        {"mpp": 2.0, "picture": Picture(mpp=0.25)},
        {"picture": Picture(mpp=0.2125), "pitch_um": 100},
        {"mpp": 0.5, "stated": [PixelSize(0.3, "Space Ranger: microns_per_pixel")]},
        {"stated": [PixelSize(2.0, "100 µm pitch"), PixelSize(2.5, "65 µm spot")]},
    ],
)
def test_sources_that_disagree_are_all_shown(known):
    with pytest.raises(InputError, match=r"(?s)different sources.*; .*mpp_from="):
        choose(**known)


def test_one_can_be_believed():
    known = {"picture": Picture(mpp=0.2125), "pitch_um": 100}
    pixel, notes = choose("pitch", **known)
    assert pixel.mpp == 2.0
    assert notes[0].endswith("believed over 0.2125 (file)")
    assert choose("image", **known)[0].mpp == 0.2125
    for absent in ("given", "tags"):
        with pytest.raises(InputError, match=r"(?s)says nothing of slide 'S'.*image, pitch"):
            choose(absent, **known)


def test_a_picture_is_looked_at_once(tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "p.png")
    assert look_at(tmp_path / "p.png") == Picture(tmp_path / "p.png", None)
    assert look_at(None) == Picture()
