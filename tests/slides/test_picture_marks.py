import shutil

import numpy as np
import pytest
from PIL import Image

from spatialrag.errors import InputError
from spatialrag.slides.picture_marks import PictureMarks, mark_picture


@pytest.fixture(scope="module")
def picture(toy_table, tmp_path_factory):
    path = tmp_path_factory.mktemp("picture") / "part.jpg"
    with Image.open(toy_table.parent / "slides" / "toy1.jpg") as image:
        image.crop((0, 0, 600, 400)).save(path, quality=90)
    return path


def test_the_same_pixels_under_any_name_and_lossless_format(picture, tmp_path):
    marks = mark_picture(picture)
    shutil.copy(picture, tmp_path / "other.tif")
    assert mark_picture(tmp_path / "other.tif").image_hash == marks.image_hash
    with Image.open(picture) as image:
        image.save(tmp_path / "saved.tif")
        image.save(tmp_path / "again.jpg", quality=40)
    assert mark_picture(tmp_path / "saved.tif").image_hash == marks.image_hash
    assert mark_picture(tmp_path / "again.jpg").image_hash != marks.image_hash


def test_a_changed_file_is_read_again(picture, tmp_path):
    path = tmp_path / "slide.png"
    with Image.open(picture) as image:
        image.save(path)
        before = mark_picture(path)
        image.transpose(Image.Transpose.ROTATE_180).save(path, compress_level=0)
    assert mark_picture(path).image_hash != before.image_hash


def test_slides_have_different_hashes(toy_sections):
    assert len({mark_picture(section.image).image_hash for section in toy_sections}) == 4


def test_a_plain_sheet_has_no_marks(tmp_path):
    Image.fromarray(np.full((300, 400, 3), 240, np.uint8)).save(tmp_path / "white.png")
    assert mark_picture(tmp_path / "white.png") == PictureMarks()


def test_columns_give_the_marks_back(picture):
    marks = mark_picture(picture)
    assert PictureMarks.of_columns(marks.columns) == marks
    assert PictureMarks.of_columns({"donor": "d1"}) == PictureMarks()


def test_no_picture(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        mark_picture(tmp_path / "none.jpg")
