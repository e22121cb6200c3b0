from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile
from PIL import Image

from spatialrag.errors import InputError
from spatialrag.slides import tiff_slide
from spatialrag.slides.tiff_slide import TiffSlide

RGB = {"photometric": "rgb"}


def whole(slide):
    return slide.read_region(0, 0, *slide.size, slide.size)


def test_levels_are_used(tmp_path, picture):
    """A level that was painted over shows where a shrunken region comes from."""
    path = tmp_path / "s.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(picture, subifds=1, tile=(64, 64), metadata={"axes": "YXS"}, **RGB)
        writer.write(np.zeros_like(picture[::2, ::2]), subfiletype=1, tile=(64, 64), **RGB)
    slide = TiffSlide(path)
    assert slide.size == (264, 200)
    assert whole(slide).mean() > 50
    assert slide.read_region(0, 0, 264, 200, (132, 100)).max() == 0
    assert slide.read_region(0, 0, 264, 200, (150, 110)).mean() > 50


@pytest.mark.parametrize("rows", [16, 200])
def test_strips_larger_than_they_should_be_are_decoded_once(tmp_path, picture, monkeypatch, rows):
    monkeypatch.setattr(tiff_slide, "_WHOLE", 64 * 264 * 3)
    tifffile.imwrite(tmp_path / "s.tif", picture, compression="zlib", rowsperstrip=rows, **RGB)
    slide = TiffSlide(tmp_path / "s.tif")
    np.testing.assert_array_equal(whole(slide), picture)
    np.testing.assert_array_equal(
        slide.read_region(20, 30, 40, 50, (40, 50)), picture[30:80, 20:60]
    )


def test_a_tile_is_decoded_once_for_all_patches_on_it(tmp_path, picture, monkeypatch):
    tifffile.imwrite(tmp_path / "s.tif", picture, tile=(64, 64), compression="zlib", **RGB)
    slide, decoded = TiffSlide(tmp_path / "s.tif"), []
    decode = tiff_slide._Level._decode

    def counted(level, rows, columns):
        decoded.append((rows.start, columns.start))
        return decode(level, rows, columns)

    monkeypatch.setattr(tiff_slide._Level, "_decode", counted)
    for x, y in ((30, 20), (60, 60), (70, 50), (31, 21)):
        found = slide.read_region(x, y, 50, 40, (50, 40))
        np.testing.assert_array_equal(found, picture[y : y + 40, x : x + 50])
    assert sorted(decoded) == [(0, 0), (0, 64), (64, 0), (64, 64)]


def test_a_large_region_is_not_kept(tmp_path, picture, monkeypatch):
    monkeypatch.setattr(tiff_slide, "_MOST_TILES", 5)
    monkeypatch.setattr(tiff_slide._Level, "_decode_tile", lambda *_: pytest.fail("kept"))
    tifffile.imwrite(tmp_path / "s.tif", picture, tile=(64, 64), compression="zlib", **RGB)
    np.testing.assert_array_equal(whole(TiffSlide(tmp_path / "s.tif")), picture)


def test_threads_read_the_same_pixels(tmp_path, picture):
    tifffile.imwrite(tmp_path / "s.tif", picture, tile=(16, 16), compression="zlib", **RGB)
    slide, corners = TiffSlide(tmp_path / "s.tif"), [(x, y) for x in range(40) for y in range(10)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda at: slide.read_region(*at, 50, 40, (50, 40)), corners))
    for (x, y), region in zip(corners, found, strict=True):
        np.testing.assert_array_equal(region, picture[y : y + 40, x : x + 50])


def test_a_strip_larger_than_the_memory(tmp_path, picture, monkeypatch):
    monkeypatch.setattr(tiff_slide, "_WHOLE", 100)
    monkeypatch.setattr("spatialrag.slides.decoding.available_memory", lambda: 1000)
    tifffile.imwrite(tmp_path / "s.tif", picture, compression="zlib", rowsperstrip=200, **RGB)
    with pytest.raises(InputError, match=r"(?s)too large to be decoded as a whole.*vips tiffsave"):
        TiffSlide(tmp_path / "s.tif")


def test_pillow_reads_what_tifffile_does_not(tmp_path, picture):
    """YCbCr without JPEG is left as it is by tifffile; libtiff converts it."""
    Image.fromarray(picture).convert("YCbCr").save(tmp_path / "s.tif")
    with tifffile.TiffFile(tmp_path / "s.tif") as file:
        assert file.pages[0].photometric.name == "YCBCR"
    slide = TiffSlide(tmp_path / "s.tif")
    assert slide.size == (264, 200)
    assert np.abs(whole(slide).astype(int) - picture).mean() < 2


def test_tiles_that_no_reader_decodes_are_refused_by_name(tmp_path, picture):
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, picture, compression="zlib", tile=(256, 256), **RGB)
    with tifffile.TiffFile(path) as file:
        start, length = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    data = bytearray(path.read_bytes())
    data[start : start + length] = b"\xff" * length
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"(?s)cannot be decoded: compression ADOBE_DEFLATE.*vips"):
        TiffSlide(path)


def test_tiles_that_were_left_out_are_white(tmp_path):
    """Scanners leave out tiles of glass: 0 bytes at 0."""
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, np.zeros((128, 256, 3), np.uint8), tile=(128, 128), **RGB)
    with tifffile.TiffFile(path, mode="r+") as file:
        tags = file.pages[0].tags
        counts = tags["TileByteCounts"].value
        offsets = tags["TileOffsets"].value
        tags["TileByteCounts"].overwrite((counts[0], 0))
        tags["TileOffsets"].overwrite((offsets[0], 0))
    pixels = whole(TiffSlide(path))
    assert (pixels[:, :128] == 0).all()
    assert (pixels[:, 128:] == 255).all()
