import numpy as np
import pytest
from PIL import Image

from spatialrag.errors import InputError
from spatialrag.slides.slide import open_slide
from spatialrag.slides.tissue import grid_spots, tissue_grid, tissue_mask


def scan(tmp_path, *, tissue):
    pixels = np.full((200, 300, 3), 245, np.uint8)
    pixels[:, :40] = 0  # painted black, as in published scans
    if tissue:
        pixels[50:150, 100:250] = (200, 120, 180)
    Image.fromarray(pixels).save(tmp_path / "s.png")
    return open_slide(tmp_path / "s.png")


def test_mask_and_grid_cover_the_tissue(tmp_path):
    slide = scan(tmp_path, tissue=True)
    tissue = tissue_mask(slide)
    mask = tissue.mask
    assert tissue.scale == 1
    assert tissue.shows_glass
    assert mask[60:140, 110:240].mean() > 0.98
    assert mask[:, :40].mean() < 0.05
    names, xy = tissue_grid(slide, mpp=1.0, spacing_um=20)
    assert len(set(names)) == len(names)
    assert ((xy[:, 0] > 90) & (xy[:, 0] < 260)).all()
    assert 30 <= len(xy) <= 60


def test_no_tissue(tmp_path):
    with pytest.raises(InputError, match="no tissue"):
        tissue_grid(scan(tmp_path, tissue=False), mpp=1.0, spacing_um=20)


def test_grid_of_a_slide_without_spots(tmp_path):
    scan(tmp_path, tissue=True)
    spots = grid_spots(tmp_path / "s.png", slide="q", mpp=1.0, spacing_um=20)
    assert spots.mpp_source == "given"
    assert len(spots.xy) >= 30
    with pytest.raises(InputError, match="pixel size of slide 'q' is unknown"):
        grid_spots(tmp_path / "s.png", slide="q", mpp=None, spacing_um=20)
    with pytest.raises(InputError, match="neither spots nor an image"):
        grid_spots(None, slide="q", mpp=1.0, spacing_um=20)


@pytest.mark.parametrize("spacing", [0, -5, np.nan, np.inf, 1e-3])
def test_grids_that_are_none(tmp_path, spacing):
    with pytest.raises(InputError, match=r"is no length|at most 5,000,000"):
        tissue_grid(scan(tmp_path, tissue=True), mpp=1.0, spacing_um=spacing)


def test_a_picture_without_glass_is_tissue_all_over(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "s.png")
    slide = open_slide(tmp_path / "s.png")
    tissue = tissue_mask(slide)
    assert not tissue.shows_glass
    assert tissue.mask.all()
    names, _ = tissue_grid(slide, mpp=1.0, spacing_um=20)
    assert len(names) == 13 * 10  # 264 x 200 pixels
