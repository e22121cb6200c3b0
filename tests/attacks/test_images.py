"""Pictures: the same pixels give the same answer, and no other library's error reaches a user."""

import tempfile
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from attacking.cases import cases
from attacking.command import attempt
from attacking.files import damages
from attacking.images import pictures, saved
from hypothesis import assume, given, strategies as st
from PIL import Image

from spatialrag.errors import InputError
from spatialrag.slides.slide import opened

RGB = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)


@cases(30)
@given(picture=pictures(RGB))
def test_a_picture_is_read_as_it_is_or_refused(picture):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"slide{picture.suffix}"
        path.write_bytes(picture.content)
        try:
            with opened(path) as slide:
                size = slide.size
                found = slide.read_region(0, 0, 80, 60, (80, 60))
        except InputError:
            assert not picture.same, picture.done
            return
        assert found.shape == (60, 80, 3), picture.done
        assert found.dtype == np.uint8, picture.done
        if picture.same:
            assert size == (80, 60), picture.done
            np.testing.assert_array_equal(found, RGB)


@cases(40)
@given(damage=damages(), form=st.sampled_from(["PNG", "TIFF", "JPEG", "BMP"]))
def test_a_damaged_picture_is_refused_or_has_its_shape(damage, form):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"slide.{form.lower()}"
        path.write_bytes(damage.of(saved(Image.fromarray(RGB), form)))
        try:
            with opened(path) as slide:
                assume(max(slide.size) < 2000)  # a damaged header may claim any size
                found = slide.read_region(0, 0, *slide.size, slide.size)
        except InputError as error:
            assert path.name in str(error), str(error)
            return
        assert found.shape == (*slide.size[::-1], 3)


@pytest.fixture(scope="module")
def plain(world):
    """What is predicted from the picture itself, and its pixels."""
    return ad.read_h5ad(world.prediction), np.asarray(Image.open(world.image).convert("RGB"))


@cases(3)
@given(data=st.data())
def test_a_slide_is_predicted_alike_from_the_same_pixels(world, plain, data):
    wanted, rgb = plain
    picture = data.draw(pictures(rgb))
    with tempfile.TemporaryDirectory() as folder:
        image, out = Path(folder) / f"slide{picture.suffix}", Path(folder) / "p.h5ad"
        image.write_bytes(picture.content)
        query = [image if each == world.image else each for each in world.query]
        outcome = attempt("predict", world.bank, out, *query, outputs=[out], inputs=[image])
        if picture.same:
            assert not outcome.refused, f"{picture.done}\n{outcome}"
            np.testing.assert_array_equal(ad.read_h5ad(out).X, wanted.X)
        elif not outcome.refused:
            values = ad.read_h5ad(out).X
            assert values.shape == wanted.shape
            assert np.isfinite(values).all()
