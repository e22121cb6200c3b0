import numpy as np
import pytest
import tifffile

from spatialrag.errors import InputError
from spatialrag.slides.tiff_kinds import (
    Layout,
    check_complete,
    largest_series,
    layout_of,
    samples_of,
)

RGB = {"photometric": "rgb"}


def test_layout_finds_rows_columns_and_channels():
    array = np.arange(3 * 4 * 5).reshape(1, 3, 1, 4, 5)
    layout = Layout("TCZYX", "C", 3)
    block = layout.channels_last(array[layout.index(slice(1, 3), slice(0, 2))])
    np.testing.assert_array_equal(block, np.moveaxis(array[0, :, 0, 1:3, 0:2], 0, -1))
    assert layout.shape(array.shape) == (4, 5)
    plain = Layout("YX", "", 1)
    assert plain.channels_last(np.ones((2, 3))).shape == (2, 3, 1)


def write_ome(path, *pictures):
    with tifffile.TiffWriter(path, ome=True) as writer:
        for picture in pictures:
            writer.write(picture, metadata={"axes": "YXS"}, tile=(64, 64), **RGB)
    return path


def test_the_largest_picture_is_the_slide(tmp_path, picture):
    path = write_ome(tmp_path / "a.ome.tif", picture[::4, ::4], picture, picture[::2, ::2])
    with tifffile.TiffFile(path) as file:
        assert largest_series(file, "a").shape == picture.shape
    path = write_ome(tmp_path / "b.ome.tif", picture, picture[:190])
    with (
        tifffile.TiffFile(path) as file,
        pytest.raises(InputError, match="2 pictures of like size"),
    ):
        largest_series(file, "b")


def test_planes_and_bits(tmp_path, picture):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.stack([picture] * 3), metadata={"axes": "ZYXS"}, **RGB)
    with tifffile.TiffFile(path) as file, pytest.raises(InputError, match="more than one plane"):
        layout_of(file.series[0], "a")
    path = tmp_path / "a.ome.tif"
    about = {"axes": "YXS", "SignificantBits": 12}
    tifffile.imwrite(path, picture.astype(np.uint16) << 4, ome=True, metadata=about, **RGB)
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        assert samples_of(series, layout_of(series, "a"), file, "a").bits == 12


def test_files_that_are_cut_short(tmp_path, picture):
    """A tile behind the end, and planes of channels that are gone."""
    tiles, planes = tmp_path / "a.tif", tmp_path / "b.tif"
    tifffile.imwrite(tiles, picture, tile=(64, 64), compression="zlib", **RGB)
    tifffile.imwrite(
        planes, np.moveaxis(picture, -1, 0), photometric="minisblack", metadata={"axes": "CYX"}
    )
    for path, kept, message in ((tiles, 0.6, "20 of 20 tiles"), (planes, 0.5, "pages behind")):
        with tifffile.TiffFile(path) as file:
            check_complete(file, file.series[0], path.name)
        data = path.read_bytes()
        path.write_bytes(data[: int(kept * len(data))])
        with (
            tifffile.TiffFile(path) as file,
            pytest.raises(InputError, match=rf"(?s){path.name} is cut short.*{message}"),
        ):
            check_complete(file, file.series[0], path.name)
