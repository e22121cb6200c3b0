import pytest

from spatialrag.encoders.color import Color
from spatialrag.encoders.encoder import make_encoder
from spatialrag.errors import InputError


def test_names_and_objects():
    encoder = Color(size_px=64)
    assert make_encoder(encoder) is encoder
    assert make_encoder("color") == Color()
    with pytest.raises(InputError, match="is not an encoder"):
        make_encoder(3)
    with pytest.raises(InputError, match="no encoder is called 'vit'"):
        make_encoder("vit")
