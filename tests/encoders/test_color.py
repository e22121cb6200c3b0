import numpy as np
import pytest

from spatialrag.encoders.color import Color, from_spec
from spatialrag.encoders.encoder import PatchEncoder
from spatialrag.errors import InputError

PATCHES = np.random.default_rng(0).integers(0, 255, (3, 128, 128, 3), dtype=np.uint8)


def test_deterministic_and_finite():
    encoder = Color()
    assert isinstance(encoder, PatchEncoder)
    first, second = encoder.encode(PATCHES), encoder.encode(PATCHES.copy())
    np.testing.assert_array_equal(first, second)
    assert first.shape == (3, 154)
    assert np.isfinite(encoder.encode(np.zeros_like(PATCHES))).all()
    assert np.isfinite(encoder.encode(np.full_like(PATCHES, 255))).all()


def test_rotation_changes_little():
    # Statistics have no orientation; only the histogram of local patterns sees the pixel grid.
    a, b = Color().encode(PATCHES[:1])[0], Color().encode(np.rot90(PATCHES[:1], axes=(1, 2)))[0]
    np.testing.assert_allclose(a, b, atol=0.02)


def test_takes_no_argument():
    assert from_spec("") == Color()
    with pytest.raises(InputError, match="takes no argument"):
        from_spec("large")
