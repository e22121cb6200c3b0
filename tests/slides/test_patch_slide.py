import h5py
import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.slides.patch_slide import PatchSlide
from spatialrag.slides.slide import open_slide, thumbnail

COLORS = np.array([[200, 0, 0], [0, 200, 0]], np.uint8)


def write(path, *, attributes, names=(b"a", b"b")):
    """Two patches of 8 px, 16 px of the slide, side by side with 4 px in common."""
    with h5py.File(path, "w") as file:
        file["img"] = np.broadcast_to(COLORS[:, None, None], (2, 8, 8, 3))
        file["img"].attrs.update(attributes)
        file["coords"] = np.array([[10, 20], [22, 20]])
        file["barcode"] = np.array(names)[:, None]
    return path


@pytest.mark.parametrize("attributes", [{"downsample": 2.0}, {"patch_size_src": 16}])
def test_regions_are_where_patches_were_cut(tmp_path, attributes):
    slide = open_slide(write(tmp_path / "s.h5", attributes=attributes))
    assert isinstance(slide, PatchSlide)
    assert slide.size == (38, 36)
    assert slide.barcodes.tolist() == ["a", "b"]
    first = slide.read_region(10, 20, 12, 16, (12, 16))
    assert (first == COLORS[0]).all()
    # Where both lie, the one nearer the region's centre wins.
    assert (slide.read_region(21, 24, 3, 3, (3, 3)) == COLORS[0]).all()
    assert (slide.read_region(24, 24, 3, 3, (3, 3)) == COLORS[1]).all()
    assert (slide.read_region(22, 20, 16, 16, (8, 8)) == COLORS[1]).all()
    half_out = slide.read_region(0, 20, 20, 16, (10, 8))
    assert (half_out[:, :5] == 255).all()
    assert (half_out[:, 5:] == COLORS[0]).all()
    picture, scale = thumbnail(slide, longest=19)
    assert picture.shape == (18, 19, 3)
    assert scale == 0.5
    slide.close()


def test_files_of_something_else(tmp_path):
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file["embeddings"] = np.ones((2, 3))
    with pytest.raises(InputError, match=r"holds no patches of spots[\s\S]*got:.*embeddings"):
        open_slide(tmp_path / "e.h5")
    with pytest.raises(InputError, match="does not say how large"):
        open_slide(write(tmp_path / "s.h5", attributes={}))


@pytest.mark.parametrize(
    ("part", "values"),
    [
        ("coords", np.zeros((3, 2))),
        ("coords", np.zeros((2, 4))),
        ("img", np.zeros((2, 8, 8), np.uint8)),
        ("img", np.zeros((2, 8, 9, 3), np.uint8)),
        ("img", np.float32(3)),
        ("barcode", np.array([b"a"])),
    ],
)
def test_parts_that_do_not_fit_together(tmp_path, part, values):
    path = write(tmp_path / "s.h5", attributes={"downsample": 2.0})
    with h5py.File(path, "r+") as file:
        del file[part]
        file[part] = values
    with pytest.raises(InputError, match="do not fit together"):
        open_slide(path)


def test_damaged_patches(tmp_path):
    path = write(tmp_path / "s.h5", attributes={"downsample": 2.0})
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(InputError, match=r"s\.h5 cannot be decoded"):
        open_slide(path)
    for value in ("nan", 0.0, b"x"):
        with pytest.raises(InputError, match=r"cannot be decoded|does not say how large"):
            open_slide(write(tmp_path / "t.h5", attributes={"downsample": value}))
    path = write(tmp_path / "u.h5", attributes={"downsample": 2.0})
    with h5py.File(path, "r+") as file:
        for name, shape in (("img", (0, 8, 8, 3)), ("coords", (0, 2)), ("barcode", (0, 1))):
            del file[name]
            file[name] = np.zeros(shape, np.uint8)
    with pytest.raises(InputError, match="at least 1"):
        open_slide(path)
