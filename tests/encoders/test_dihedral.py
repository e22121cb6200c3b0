import numpy as np
import pytest

from spatialrag.encoders.dihedral import Dihedral, from_spec
from spatialrag.encoders.encoder import PatchEncoder, make_encoder
from spatialrag.encoders.precomputed import Precomputed
from spatialrag.errors import InputError

PATCHES = np.random.default_rng(0).integers(0, 255, (3, 4, 4, 3), dtype=np.uint8)


class Pixels:
    """Every pixel is a dimension: nothing is invariant by itself."""

    name, fingerprint, size_px = "pixels", "p", 4

    def encode(self, patches):
        return patches.reshape(len(patches), -1).astype(np.float32)


def test_the_mean_over_eight_views_does_not_know_how_a_patch_lies():
    encoder = Dihedral(Pixels())
    first = encoder.encode(PATCHES)
    for view in (np.rot90(PATCHES, 1, (1, 2)), PATCHES[:, ::-1], PATCHES.transpose(0, 2, 1, 3)):
        np.testing.assert_allclose(encoder.encode(view), first, rtol=1e-6)
    views = [np.rot90(m, k, (1, 2)) for m in (PATCHES, PATCHES[:, :, ::-1]) for k in range(4)]
    expected = np.mean([Pixels().encode(view) for view in views], axis=0)
    np.testing.assert_allclose(first, expected, rtol=1e-6)


def test_it_is_an_encoder_of_its_own():
    encoder = make_encoder("dihedral:color")
    assert isinstance(encoder, PatchEncoder)
    assert encoder.name == "color"
    assert encoder.fingerprint != make_encoder("color").fingerprint
    assert encoder.patch_um is None
    with pytest.raises(InputError, match="CPU alone"):
        encoder.to("cuda")


def test_what_cannot_be_turned():
    with pytest.raises(InputError, match="averages an encoder"):
        from_spec("")
    with pytest.raises(InputError, match="embeds no patches"):
        Dihedral(Precomputed({"s": (np.array(["a"]), np.ones((1, 2)))}))
