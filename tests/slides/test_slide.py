import numpy as np
from PIL import Image

from spatialrag.slides.slide import open_slide, thumbnail


def test_thumbnail_keeps_proportions(tmp_path):
    Image.fromarray(np.full((100, 300, 3), 120, np.uint8)).save(tmp_path / "s.png")
    picture, scale = thumbnail(open_slide(tmp_path / "s.png"), longest=60)
    assert picture.shape == (20, 60, 3)
    assert scale == 0.2
