from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image

from spatialrag.errors import InputError
from spatialrag.slides.patches import (
    PatchGrid,
    check_side,
    cut_patches,
    cut_thumbnails,
    drop_outside,
    find_outside,
)
from spatialrag.slides.slide import Slide, open_slide
from spatialrag.slides.spots import Spots


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
    (block,) = cut_patches(slide, grid, sizes_px=(40,))
    assert block.shape == (1, 40, 40, 3)
    # Centred on the spot: x from 30 to 69, y from 20 to 59.
    np.testing.assert_array_equal(block[0, 0, :, 0], np.arange(30, 70))
    np.testing.assert_array_equal(block[0, :, 0, 1], np.arange(20, 60))


def test_border_is_padded_white(slide):
    grid = PatchGrid(np.array([[0.0, 0.0]]), np.array(["a"]), side_um=10, mpp=1.0)
    (block,) = cut_patches(slide, grid, sizes_px=(10,))
    assert (block[0, :5, :5] == 255).all()
    assert block[0, 5, 5].tolist() == [0, 0, 0]


def spots_at(*xy, mpp=None):
    return Spots("P1", [f"s{i}" for i in range(len(xy))], np.array(xy, float), mpp=mpp)


def test_many_spots_outside_are_refused_with_a_reason(slide):
    spots = spots_at((10, 10), (500, 10))
    with pytest.raises(InputError, match=r"(?s)1 of 2 spots of 'P1' lie outside.*first: s1"):
        find_outside(spots, slide)
    tall = spots_at(*[(10, y) for y in (10, 20, 90, 95)])
    with pytest.raises(InputError, match="with x and y swapped all of them would lie inside"):
        drop_outside(tall, slide)
    large = spots_at(*[(x, 60) for x in (110, 150, 190)], mpp=2.0)
    with pytest.raises(InputError, match="with µm taken for pixels all"):
        find_outside(large, slide)


def test_a_few_spots_outside_are_left_out_and_said(slide):
    inside = [(x, y) for x in (0, 50, 100) for y in (0, 40, 80)]
    spots = spots_at(*inside, (-39, 40))
    with pytest.warns(UserWarning, match=r"1 of 10 spots of slide 'P1'.*s\.png.*left out: s9"):
        kept = drop_outside(spots, slide)
    assert kept.spots.tolist() == [f"s{i}" for i in range(9)]
    assert kept.xy.tolist() == [list(pair) for pair in inside]
    assert drop_outside(kept, slide) is kept


@pytest.mark.parametrize(("side", "mpp"), [(0, 1), (np.nan, 1), (10, 0), (10, np.nan), (-1, 1)])
def test_lengths_that_are_none(side, mpp):
    with pytest.raises(InputError, match="positive length"):
        PatchGrid(np.zeros((1, 2)), np.array(["a"]), side, mpp)


def test_patches_far_larger_than_the_picture(slide):
    check_side(PatchGrid(np.zeros((1, 2)), np.array(["a"]), 300, 1.0), slide)
    with pytest.raises(InputError, match=r"(?s)patches of 1e\+06 µm.*at most 400 µm.*100 x 80"):
        check_side(PatchGrid(np.zeros((1, 2)), np.array(["a"]), 1e6, 1.0), slide)


def test_rows_keep_order(slide):
    xy = np.column_stack([np.arange(10, 90, 10.0), np.full(8, 40.0)])
    grid = PatchGrid(xy, np.arange(8).astype(str), side_um=2, mpp=1.0)
    blocks = [
        cut_patches(slide, grid, sizes_px=(2,), rows=slice(start, start + 3))[0]
        for start in (0, 3, 6)
    ]
    assert [len(block) for block in blocks] == [3, 3, 2]
    assert np.concatenate(blocks)[:, 0, 0, 0].tolist() == list(range(9, 89, 10))


def test_several_sizes_of_one_decoding_are_those_of_one_each(slide):
    """Both are resampled from the picture's own pixels, not one from the other."""
    grid = PatchGrid(np.array([[50.0, 40.0], [2.0, 3.0]]), np.array(["a", "b"]), 30, 1.0)
    both = cut_patches(slide, grid, sizes_px=(20, 8))
    for block, size in zip(both, (20, 8), strict=True):
        np.testing.assert_array_equal(block, cut_patches(slide, grid, sizes_px=(size,))[0])


@dataclass
class OneSize:
    """A reader that knows `read_region` alone, and what was asked of it."""

    slide: Slide
    asked: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self):
        self.path, self.size, self.mpp = self.slide.path, self.slide.size, self.slide.mpp

    def read_region(self, x, y, width, height, out):
        self.asked.append(out)
        return self.slide.read_region(x, y, width, height, out)

    def close(self):
        self.slide.close()


def test_a_reader_of_one_size_is_asked_once_per_patch(slide):
    plain = OneSize(slide)
    grid = PatchGrid(np.array([[50.0, 40.0]]), np.array(["a"]), 30, 1.0)
    large, small = cut_patches(plain, grid, sizes_px=(20, 10))
    assert plain.asked == [(20, 20)]
    np.testing.assert_allclose(small[0].astype(int), large[0, ::2, ::2], atol=3)
    cut_patches(plain, grid, sizes_px=(10, 20))  # never enlarged
    assert plain.asked[1:] == [(10, 10), (20, 20)]


def test_thumbnails_open_the_image_unless_it_is_open(slide, slides_read):
    spots = Spots("P1", ["a", "b"], np.array([[50.0, 40], [30, 30]]), slide.path, 1.0)
    found = cut_thumbnails(spots, patch_um=10, size_px=10)
    assert slides_read.opened == [slide.path.name]
    lent = slides_read.lend(slide)
    np.testing.assert_array_equal(cut_thumbnails(spots, patch_um=10, size_px=10, slide=lent), found)
    assert slides_read.opened == [slide.path.name]
    assert (slides_read.closed, slides_read.regions) == (1, 4)
