import numpy as np
import pytest

torch = pytest.importorskip("torch")
from spatialrag.encoders.dihedral import Dihedral  # noqa: E402
from spatialrag.encoders.encoder import PatchEncoder, device_of, make_encoder  # noqa: E402
from spatialrag.encoders.network import IMAGENET, NetworkEncoder  # noqa: E402
from spatialrag.errors import InputError  # noqa: E402

PATCHES = np.random.default_rng(0).integers(0, 255, (5, 8, 8, 3), dtype=np.uint8)


def channel_means(x):
    return x.mean(dim=(2, 3))


def test_pixels_are_normalized_as_stated():
    encoder = NetworkEncoder(channel_means, name="mean", fingerprint="1", size_px=8)
    expected = (PATCHES.mean((1, 2)) / 255 - IMAGENET[0]) / np.array(IMAGENET[1])
    np.testing.assert_allclose(encoder.encode(PATCHES), expected, rtol=1e-5, atol=1e-5)
    assert isinstance(encoder, PatchEncoder)


def test_the_centre_is_taken():
    encoder = NetworkEncoder(
        channel_means, "centre", "1", size_px=8, crop_px=4, mean=(0, 0, 0), std=(1, 1, 1)
    )
    expected = PATCHES[:, 2:6, 2:6].mean((1, 2)) / 255
    np.testing.assert_allclose(encoder.encode(PATCHES), expected, rtol=1e-5)
    with pytest.raises(InputError, match="centre is larger"):
        NetworkEncoder(channel_means, "centre", "1", size_px=8, crop_px=16)


def test_a_batch_that_does_not_fit_is_halved():
    seen = []

    def network(x):
        seen.append(len(x))
        if len(x) > 2:
            raise torch.OutOfMemoryError
        return channel_means(x)

    encoder = NetworkEncoder(network, "small", "1", size_px=8)
    whole = NetworkEncoder(channel_means, "large", "1", size_px=8)
    np.testing.assert_array_equal(encoder.encode(PATCHES), whole.encode(PATCHES))
    assert seen == [5, 2, 3, 1, 2]

    def never(x):
        raise torch.OutOfMemoryError

    with pytest.raises(torch.OutOfMemoryError):
        NetworkEncoder(never, "none", "1", size_px=8).encode(PATCHES)


def test_what_is_not_a_vector():
    with pytest.raises(InputError, match=r"expected a tensor \(5, dim\)|\(5, dim\)"):
        NetworkEncoder(lambda x: x, "map", "1", size_px=8).encode(PATCHES)


def test_devices():
    encoder = NetworkEncoder(torch.nn.Flatten(), "flat", "1", size_px=8)
    assert make_encoder(encoder, device="cpu") is encoder
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="cannot run on 'cuda'"):
            make_encoder(encoder, device="cuda")
    for name in ("color", "dihedral:color"):
        with pytest.raises(InputError, match="CPU alone"):
            make_encoder(name, device="cuda")


def test_devices_that_are_wished_for():
    encoder = NetworkEncoder(torch.nn.Flatten(), "flat", "1", size_px=8)
    moved = [make_encoder(each, device="meta") for each in (encoder, Dihedral(encoder))]
    assert [device_of(each) for each in moved] == ["meta", "meta"]
    assert [device_of(each) for each in (encoder, Dihedral(encoder))] == ["cpu", "cpu"]
    for name in ("color", "dihedral:color"):
        assert device_of(make_encoder(name, device="meta", required=False)) == "cpu"
