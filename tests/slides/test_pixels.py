import numpy as np
import pytest
from hypothesis import given, strategies as st
from PIL import Image

from spatialrag.errors import InputError
from spatialrag.slides import pixels
from spatialrag.slides.pixels import Samples, check_brightness, crop_padded, fit, shrink


@given(bits=st.integers(1, 16), value=st.floats(0, 1))
def test_bits_are_scaled_to_255(bits, value):
    top = 2**bits - 1
    sample = round(value * top)
    found = Samples(1, bits=bits).to_rgb(np.array([[[sample]]], np.uint16))
    assert abs(int(found[0, 0, 0]) - 255 * sample / top) <= 0.5
    inverted = Samples(1, bits=bits, inverted=True).to_rgb(np.array([[[sample]]], np.uint16))
    assert int(inverted[0, 0, 2]) == 255 - int(found[0, 0, 0])


@given(color=st.integers(0, 255), alpha=st.integers(0, 255))
def test_alpha_is_laid_on_white(color, alpha):
    share = alpha / 255
    straight = Samples(1, alpha="straight").to_rgb(np.array([[[color, alpha]]], np.uint8))
    assert abs(int(straight[0, 0, 0]) - (color * share + 255 * (1 - share))) <= 0.5
    faded = np.array([[[round(color * share), alpha]]], np.uint8)
    premultiplied = Samples(1, alpha="premultiplied").to_rgb(faded)
    assert abs(int(premultiplied[0, 0, 0]) - int(straight[0, 0, 0])) <= 1


def test_what_a_file_leaves_out_is_white():
    for how in (Samples(1), Samples(3, bits=16), Samples(1, bits=12), Samples(1, inverted=True)):
        blank = np.full((1, 1, how.colors), how.white, np.uint16)
        assert (how.to_rgb(blank) == 255).all()


def test_indices_behind_the_palette():
    how = Samples(1, palette=np.array([[1, 2, 3], [4, 5, 6]], np.uint8))
    assert how.to_rgb(np.array([[[0], [9]]]))[0].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_samples_of_fewer_bits_than_stated():
    check_brightness(4095, bits=8, name="a")
    check_brightness(60_000, bits=16, name="a")
    with pytest.raises(InputError, match=r"(?s)a has samples of 16 bits.*near 65535.*4095"):
        check_brightness(4095, bits=16, name="a")


def test_large_regions_are_shrunk_in_bands(monkeypatch):
    """Against Pillow on the whole, and never more than a band at a time."""
    rng = np.random.default_rng(0)
    plane = np.asarray(
        Image.fromarray(rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)).resize((700, 523))
    )
    asked = []

    def read(x, y, width, height):
        asked.append(width * height)
        return crop_padded(plane, x, y, width, height)

    monkeypatch.setattr(pixels, "BLOCK", 20_000)
    found, again = shrink(read, (-20, 3, 700, 530), [(70, 53)] * 2)
    np.testing.assert_array_equal(again, found)
    whole = fit(crop_padded(plane, -20, 3, 700, 530), (70, 53))
    assert found.shape == (53, 70, 3)
    assert max(asked) <= 20_000
    assert len(asked) > 10
    assert np.abs(found.astype(int) - whole).max() <= 10
    assert np.abs(found.astype(int) - whole).mean() < 1


def test_outside_is_white():
    plane = np.zeros((4, 6, 3), np.uint8)
    block = crop_padded(plane, -1, 2, 9, 4)
    assert block.shape == (4, 9, 3)
    assert (block[:2, 1:7] == 0).all()
    assert (block.sum(axis=-1) == 765).sum() == 4 * 9 - 2 * 6
    assert (crop_padded(plane, 100, 100, 2, 2) == 255).all()
