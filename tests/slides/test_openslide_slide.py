import numpy as np
import pytest
import tifffile

from spatialrag.errors import InputError
from spatialrag.slides.openslide_slide import OpenSlideSlide

pytest.importorskip("openslide")


def write(path, picture, facts):
    words = f"Aperio Image Library v11\n{picture.shape[1]}x{picture.shape[0]} |{facts}"
    how = {"photometric": "rgb", "tile": (64, 64), "metadata": None, "description": words}
    with tifffile.TiffWriter(path) as writer:
        writer.write(picture, **how)
        writer.write(picture[::2, ::2], subfiletype=1, **how)
    return path


def test_scanners_formats_and_tiff_in_general(tmp_path, picture):
    assert OpenSlideSlide.can_read(write(tmp_path / "a.svs", picture, "MPP = 0.5"))
    tifffile.imwrite(tmp_path / "b.tif", picture, photometric="rgb", tile=(64, 64))
    assert not OpenSlideSlide.can_read(tmp_path / "b.tif")


@pytest.mark.parametrize(
    ("facts", "mpp"), [("MPP = 0.25", 0.25), ("MPP = 0,25", 0.25), ("MPP = x", None)]
)
def test_pixel_size_of_the_scanner(tmp_path, picture, facts, mpp):
    slide = OpenSlideSlide(write(tmp_path / "a.svs", picture, facts))
    assert slide.mpp == mpp
    slide.close()


def test_a_tile_that_cannot_be_decoded(tmp_path, picture):
    path = write(tmp_path / "a.svs", picture, "MPP = 0.5")
    with tifffile.TiffFile(path, mode="r+") as file:
        tag = file.pages[0].tags["TileOffsets"]
        tag.overwrite((*tag.value[:-1], 10_000_000))
    slide = OpenSlideSlide(path)
    assert slide.read_region(0, 0, 64, 64, (64, 64)).shape == (64, 64, 3)
    with pytest.raises(InputError, match=r"(?s)a\.svs cannot be decoded.*OpenSlideError"):
        slide.read_region(0, 0, 264, 200, (264, 200))


def test_a_file_of_nobody(tmp_path):
    (tmp_path / "a.mrxs").write_bytes(b"\xff\xd8\xff nothing")
    with pytest.raises(InputError, match="no reader can open"):
        OpenSlideSlide(tmp_path / "a.mrxs")


def test_outside_is_white(tmp_path, picture):
    slide = OpenSlideSlide(write(tmp_path / "a.svs", np.zeros_like(picture), "MPP = 0.5"))
    region = slide.read_region(250, 190, 30, 30, (30, 30))
    assert (region[:10, :14] == 0).all()
    assert (region[10:] == 255).all()
    assert (region[:, 14:] == 255).all()
