import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from spatialrag.slides.orientation import TAG, Orientation

STORED = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)


@pytest.mark.parametrize("code", [*range(1, 9), 0, 77])
def test_pillow_shows_the_same(code):
    """Against Pillow's own rule for EXIF."""
    stream = io.BytesIO()
    image = Image.fromarray(STORED)
    exif = image.getexif()
    exif[TAG] = code
    image.save(stream, "PNG", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(stream)))
    orientation = Orientation(code)
    shown = orientation.show(STORED)
    np.testing.assert_array_equal(shown, expected)
    assert orientation.shown_size((7, 5)) == (expected.shape[1], expected.shape[0])
    size = orientation.shown_size((7, 5))
    x, y, width, height = orientation.stored_rectangle((1, 2, 3, 2), size)
    part = orientation.show(STORED[y : y + height, x : x + width])
    np.testing.assert_array_equal(part, expected[2:4, 1:4])
