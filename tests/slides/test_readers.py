import numpy as np
import pytest
import tifffile
from PIL import Image

from spatialrag.errors import InputError
from spatialrag.slides.readers import OpenSlideSlide, PillowSlide, TiffSlide
from spatialrag.slides.slide import open_slide

PIXELS = np.random.default_rng(0).integers(0, 255, (512, 640, 3), dtype=np.uint8)


def pyramid(path, *, ome=False):
    """A tiled two-level pyramid with 0.5 µm per pixel; OpenSlide reads the plain one only."""
    options = {"photometric": "rgb", "tile": (128, 128)}
    if not ome:
        options |= {
            "resolution": (20_000, 20_000),
            "resolutionunit": "CENTIMETER",
            "metadata": None,
        }
    levels = PIXELS, PIXELS[::2, ::2]
    with tifffile.TiffWriter(path, ome=ome) as writer:
        if ome:
            about = {"axes": "YXS", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm"}
            writer.write(levels[0], subifds=1, metadata=about, **options)
        else:
            writer.write(levels[0], **options)
        writer.write(levels[1], subfiletype=1, **options)
    return path


@pytest.mark.parametrize("kind", ["png", "tiff", "ome"])
def test_regions_agree_between_formats(tmp_path, kind):
    if kind == "png":
        path = tmp_path / "s.png"
        Image.fromarray(PIXELS).save(path)
    else:
        path = pyramid(tmp_path / ("s.ome.tif" if kind == "ome" else "s.tif"), ome=kind == "ome")
    slide = open_slide(path)
    assert slide.size == (640, 512)
    region = slide.read_region(100, 50, 60, 40, (60, 40))
    np.testing.assert_array_equal(region, PIXELS[50:90, 100:160])
    corner = slide.read_region(-10, -10, 20, 20, (20, 20))
    assert (corner[:10] == 255).all()
    np.testing.assert_array_equal(corner[10:, 10:], PIXELS[:10, :10])
    slide.close()


def test_pixel_size_comes_from_the_file_never_from_dpi(tmp_path):
    assert open_slide(pyramid(tmp_path / "a.tif")).mpp == pytest.approx(0.5)
    assert open_slide(pyramid(tmp_path / "b.ome.tif", ome=True)).mpp == pytest.approx(0.5)
    Image.fromarray(PIXELS).save(tmp_path / "c.jpg", dpi=(72, 72))
    assert open_slide(tmp_path / "c.jpg").mpp is None


def test_right_reader_is_chosen(tmp_path):
    assert isinstance(open_slide(pyramid(tmp_path / "a.tif")), OpenSlideSlide)
    assert isinstance(open_slide(pyramid(tmp_path / "b.ome.tif", ome=True)), TiffSlide)


def test_downsampled_region_uses_the_right_place(tmp_path):
    slide = open_slide(pyramid(tmp_path / "a.tif"))
    region = slide.read_region(64, 64, 256, 256, (128, 128))
    expected = PIXELS[64:320:2, 64:320:2]
    assert np.abs(region.astype(int) - expected).mean() < 3


def test_limit_of_pillow_is_put_back(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "s.png")
    before = Image.MAX_IMAGE_PIXELS
    PillowSlide(tmp_path / "s.png").read_region(0, 0, 4, 4, (4, 4))
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("name", ["x.svs", "x.jpg", "x.tif"])
def test_broken_files(tmp_path, name):
    (tmp_path / name).write_bytes(b"not an image")
    with pytest.raises(InputError, match="not an image|no reader can open"):
        open_slide(tmp_path / name)
    with pytest.raises(InputError, match="does not exist"):
        open_slide(tmp_path / "absent.svs")
