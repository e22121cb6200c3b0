import numpy as np
import pytest
from scipy import ndimage
from skimage.feature import local_binary_pattern

from spatialrag.encoders.texture import gradient_strength, pattern_histograms

RNG = np.random.default_rng(0)


def pictures(shape):
    """Noise, few levels, one level, and halves: comparisons with ties."""
    noise = RNG.integers(0, 256, shape)
    halves = np.where(np.arange(shape[1]) < shape[1] // 2, noise // 64 * 64, 255)
    return np.stack([noise, noise // 64 * 64, np.full(shape, 201), halves, np.zeros(shape)])


@pytest.mark.parametrize("shape", [(128, 128), (33, 20), (2, 3), (1, 1)])
def test_patterns_are_those_of_scikit_image_to_the_last_bit(shape):
    many = pictures(shape).astype(np.uint8)
    codes = [local_binary_pattern(each, 8, 1.0, method="uniform").astype(int) for each in many]
    expected = [np.bincount(code.ravel(), minlength=10) / code.size for code in codes]
    np.testing.assert_array_equal(pattern_histograms(many), expected)


def test_every_level_beside_itself_ties_as_in_scikit_image():
    """Interpolated between equal pixels, a level may lose its last bit: where, is decided here."""
    many = np.stack([np.full((40, 40), level, np.uint8) for level in range(256)])
    codes = [local_binary_pattern(each, 8, 1.0, method="uniform").astype(int) for each in many]
    expected = [np.bincount(code.ravel(), minlength=10) / code.size for code in codes]
    np.testing.assert_array_equal(pattern_histograms(many), expected)


@pytest.mark.parametrize("shape", [(64, 48), (2, 3), (1, 1)])
def test_gradients_are_sobels(shape):
    many = RNG.random((3, *shape))
    expected = [np.hypot(ndimage.sobel(p, axis=0), ndimage.sobel(p, axis=1)) for p in many]
    np.testing.assert_allclose(gradient_strength(many), expected, atol=1e-13)
