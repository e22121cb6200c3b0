import numpy as np
import pytest
from PIL import Image

from spatialrag.errors import InputError
from spatialrag.slides.patches import PatchGrid, check_inside, iterate_patches
from spatialrag.slides.slide import open_slide


@pytest.fixture
def slide(tmp_path):
    pixels = np.zeros((80, 100, 3), np.uint8)
    pixels[..., 0] = np.arange(100)
    pixels[..., 1] = np.arange(80)[:, None]
    Image.fromarray(pixels).save(tmp_path / "s.png")
    return open_slide(tmp_path / "s.png")


def test_side_is_in_micrometres(slide):
    grid = PatchGrid(np.array([[50.0, 40.0]]), np.array(["a"]), side_um=20, mpp=0.5)
    assert grid.side_px == 40
    (block,) = iterate_patches(slide, grid, size_px=40, batch=8)
    assert block.shape == (1, 40, 40, 3)
    # Centred on the spot: x from 30 to 69, y from 20 to 59.
    np.testing.assert_array_equal(block[0, 0, :, 0], np.arange(30, 70))
    np.testing.assert_array_equal(block[0, :, 0, 1], np.arange(20, 60))


def test_border_is_padded_white(slide):
    grid = PatchGrid(np.array([[0.0, 0.0]]), np.array(["a"]), side_um=10, mpp=1.0)
    (block,) = iterate_patches(slide, grid, size_px=10, batch=8)
    assert (block[0, :5, :5] == 255).all()
    assert block[0, 5, 5].tolist() == [0, 0, 0]


def test_spots_outside_the_image(slide):
    grid = PatchGrid(np.array([[10.0, 10], [500, 10]]), np.array(["in", "out"]), 10, 1.0)
    with pytest.raises(InputError, match=r"(?s)1 of 2 spots lie outside.*first: out"):
        check_inside(grid, slide)


def test_batches_keep_order(slide):
    xy = np.column_stack([np.arange(10, 90, 10.0), np.full(8, 40.0)])
    grid = PatchGrid(xy, np.arange(8).astype(str), side_um=2, mpp=1.0)
    blocks = list(iterate_patches(slide, grid, size_px=2, batch=3))
    assert [len(block) for block in blocks] == [3, 3, 2]
    assert np.concatenate(blocks)[:, 0, 0, 0].tolist() == list(range(9, 89, 10))
