import numpy as np
import pytest
from scipy import ndimage


def draw_picture(height=200, width=264, seed=0):
    """A smooth picture with a little noise: lossy compressions come close to it."""
    rng = np.random.default_rng(seed)
    fields = [ndimage.gaussian_filter(rng.normal(size=(height, width)), 12) for _ in range(3)]
    smooth = np.stack(fields, axis=-1)
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min()) * 180 + 60
    return np.clip(smooth + rng.normal(0, 2, (height, width, 1)), 0, 255).astype(np.uint8)


def draw_alpha(height=200, width=264):
    """Opaque in a quarter disc, clear outside, half clear in the first rows."""
    inside = np.add.outer(np.arange(height) ** 2, np.arange(width) ** 2) < (0.9 * height) ** 2
    alpha = np.where(inside, 255, 0).astype(np.uint8)
    alpha[:20] = 128
    return alpha


@pytest.fixture(scope="session")
def picture():
    return draw_picture()


@pytest.fixture(scope="session")
def alpha():
    return draw_alpha()
