from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spatialrag.encoders.color import Color, from_spec
from spatialrag.encoders.encoder import PatchEncoder
from spatialrag.errors import InputError
from spatialrag.provenance import fingerprint

_SPEC = spec_from_file_location(
    "one_patch_at_a_time", Path(__file__).parents[2] / "benchmarks" / "one_patch_at_a_time.py"
)
_MODULE = module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
OnePatchAtATime = _MODULE.OnePatchAtATime

PATCHES = np.random.default_rng(0).integers(0, 255, (3, 128, 128, 3), dtype=np.uint8)


def test_deterministic_and_finite():
    encoder = Color()
    assert isinstance(encoder, PatchEncoder)
    first, second = encoder.encode(PATCHES), encoder.encode(PATCHES.copy())
    np.testing.assert_array_equal(first, second)
    assert first.shape == (3, 154)
    assert np.isfinite(encoder.encode(np.zeros_like(PATCHES))).all()
    assert np.isfinite(encoder.encode(np.full_like(PATCHES, 255))).all()


def patches_like(kind, side=128):
    """Return four patches: smooth color with grain, flat, of few levels, half white."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (4, side // 8, side // 8, 3), dtype=np.uint8)
    smooth = np.stack([Image.fromarray(p).resize((side, side)) for p in coarse]).astype(int)
    made = {
        "grain": smooth + rng.integers(-9, 10, smooth.shape),
        "flat": np.broadcast_to(smooth[:, :1, :1], smooth.shape),
        "few levels": smooth // 64 * 64,
        "half white": np.where(np.arange(side)[:, None] < side // 2, smooth, 255),
    }
    return np.clip(made[kind], 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", ["grain", "flat", "few levels", "half white"])
@pytest.mark.parametrize("side", [128, 33])
def test_the_numbers_are_those_of_one_patch_at_a_time(kind, side):
    """Against the statistics as version 0.1 took them, by scikit-image, SciPy and numpy."""
    patches = patches_like(kind, side)
    expected = OnePatchAtATime().encode(patches)
    np.testing.assert_allclose(Color().encode(patches), expected, atol=1e-6)
    assert (Color().encode(patches) == expected).mean() > 0.9  # spreads of flat ones differ


def test_a_vector_does_not_depend_on_its_batch():
    patches = np.concatenate([patches_like("grain")] * 5)
    together = Color().encode(patches)
    alone = [Color().encode(patch[None])[0] for patch in patches[:4]]
    np.testing.assert_array_equal(together[-4:], alone)
    np.testing.assert_array_equal(together[:4], alone)


def test_the_definition_is_that_of_version_0_1():
    assert Color().fingerprint == fingerprint("color", 1, 128)


def test_rotation_changes_little():
    # Statistics have no orientation; only the histogram of local patterns sees the pixel grid.
    a, b = Color().encode(PATCHES[:1])[0], Color().encode(np.rot90(PATCHES[:1], axes=(1, 2)))[0]
    np.testing.assert_allclose(a, b, atol=0.02)


def test_takes_no_argument():
    assert from_spec("") == Color()
    with pytest.raises(InputError, match="takes no argument"):
        from_spec("large")
