import numpy as np
import pytest
from PIL import Image

from spatialrag.errors import InputError
from spatialrag.slides.pillow_slide import PillowSlide


def test_pillows_limit_is_left_alone(tmp_path, picture, monkeypatch):
    """Slides are larger than Pillow's limit, which is global and therefore not touched."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.fromarray(picture).save(tmp_path / "s.png")
    slide = PillowSlide(tmp_path / "s.png")
    np.testing.assert_array_equal(slide.read_region(0, 0, 4, 4, (4, 4)), picture[:4, :4])
    assert Image.MAX_IMAGE_PIXELS == 100


def test_dpi_is_no_pixel_size(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "c.jpg", dpi=(72, 72))
    assert PillowSlide(tmp_path / "c.jpg").mpp is None


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_cut_file_is_an_error_at_the_door(tmp_path, picture, suffix):
    """Not when the first patch is read, hours later."""
    path = tmp_path / f"s.{suffix}"
    Image.fromarray(picture).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"(?s)cannot be decoded.*cut short.*OSError"):
        PillowSlide(path)


def test_orientation_after_the_pixels(tmp_path, picture):
    """An eXIf chunk may follow the picture: its size is known all the same."""
    image = Image.fromarray(picture)
    exif = image.getexif()
    exif[274] = 6
    path = tmp_path / "s.png"
    image.save(path, exif=exif)
    data = path.read_bytes()
    start = data.index(b"eXIf") - 4
    length = int.from_bytes(data[start : start + 4], "big") + 12
    chunk, rest = data[start : start + length], data[:start] + data[start + length :]
    end = rest.index(b"IEND") - 4
    path.write_bytes(rest[:end] + chunk + rest[end:])
    slide = PillowSlide(path)
    assert slide.size == (200, 264)
    shown = slide.read_region(0, 0, 200, 264, (200, 264))
    np.testing.assert_array_equal(shown, np.rot90(picture, -1))


def test_16_bit_grey_with_a_clear_value(tmp_path):
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(tmp_path / "s.png", transparency=3)
    with pytest.raises(InputError, match="16-bit grey with a transparent value"):
        PillowSlide(tmp_path / "s.png")


def test_decoded_once_and_forgotten(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "s.png")
    slide = PillowSlide(tmp_path / "s.png")
    first = slide.read_region(3, 4, 5, 6, (5, 6))
    (tmp_path / "s.png").unlink()
    np.testing.assert_array_equal(slide.read_region(3, 4, 5, 6, (5, 6)), first)
    slide.close()
    with pytest.raises(InputError):
        slide.read_region(3, 4, 5, 6, (5, 6))
