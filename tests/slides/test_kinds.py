import pytest
from PIL import Image

from spatialrag.errors import InputError
from spatialrag.slides.kinds import image_kind


@pytest.mark.parametrize(
    ("form", "kind"),
    [("PNG", "PNG"), ("JPEG", "JPEG"), ("WEBP", "WebP"), ("BMP", "BMP"), ("TIFF", "TIFF"),
     ("JPEG2000", "JPEG 2000"), ("GIF", ""), ("PDF", "")],
)  # fmt: skip
def test_kinds_by_the_first_bytes(tmp_path, form, kind):
    Image.new("RGB", (16, 16)).save(tmp_path / "a", form)
    assert image_kind(tmp_path / "a") == kind


def test_big_tiff_and_hdf5(tmp_path):
    for head, kind in ((b"II+\0", "TIFF"), (b"MM\0+", "TIFF"), (b"\x89HDF\r\n\x1a\n", "HDF5")):
        (tmp_path / "a").write_bytes(head)
        assert image_kind(tmp_path / "a") == kind


def test_no_file(tmp_path):
    for path, message in ((tmp_path, "a folder"), (tmp_path / "b", "does not exist")):
        with pytest.raises(InputError, match=message):
            image_kind(path)
