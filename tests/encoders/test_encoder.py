import pytest

from spatialrag.encoders.color import Color
from spatialrag.encoders.dihedral import Dihedral
from spatialrag.encoders.encoder import is_concurrent, make_encoder
from spatialrag.encoders.tiles import TileEncoder
from spatialrag.errors import InputError


def test_names_and_objects():
    encoder = Color(size_px=64)
    assert make_encoder(encoder) is encoder
    assert make_encoder("color") == Color()
    with pytest.raises(InputError, match="is not an encoder"):
        make_encoder(3)
    with pytest.raises(InputError, match="no encoder is called 'vit'"):
        make_encoder("vit")


def test_encoders_say_whether_they_want_several_batches_at_once():
    """Those that wrap another are as it is; one that does not say is called alone."""

    class Silent:
        name, fingerprint, size_px = "silent", "1", 8

        def encode(self, patches):
            return patches.mean(axis=(1, 2))

    for encoder, expected in ((Color(), True), (Silent(), False)):
        assert is_concurrent(encoder) == expected
        assert is_concurrent(Dihedral(encoder)) == expected
        assert is_concurrent(TileEncoder(encoder, 2)) == expected
