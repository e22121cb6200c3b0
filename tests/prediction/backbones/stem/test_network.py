import pytest

torch = pytest.importorskip("torch")
from spatialrag.prediction.backbones.stem.network import (  # noqa: E402
    GeneDenoiser,
    Modulated,
    sinusoid,
)


def test_a_new_network_says_zero():
    """adaLN-Zero: blocks start as the identity, the output at zero."""
    network = GeneDenoiser(6, 5, width=16, depth=2, heads=2)
    output = network(torch.randn(3, 5), torch.tensor([1, 5, 9]), torch.randn(3, 6))
    assert output.shape == (3, 5, 2)
    assert (output == 0).all()
    x = torch.randn(3, 5, 16)
    torch.testing.assert_close(network.blocks[0](x, torch.randn(3, 16)), x)


def test_modulation_by_hand():
    x = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
    shift, scale = torch.randn(2, 8), torch.randn(2, 8)
    centred = x - x.mean(-1, keepdim=True)
    normed = centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()
    expected = normed * (1 + scale[:, None]) + shift[:, None]
    torch.testing.assert_close(Modulated(8)(x, shift, scale), expected)


def test_time_is_a_sinusoid():
    found = sinusoid(torch.tensor([0, 3]))
    assert found.shape == (2, 256)
    torch.testing.assert_close(found[0], torch.cat([torch.ones(128), torch.zeros(128)]))
    assert float(found[1, 0]) == pytest.approx(float(torch.cos(torch.tensor(3.0))))
    assert float(found[1, 129]) == pytest.approx(
        float(torch.sin(torch.tensor(3 * 10_000 ** (-1 / 128)))), rel=1e-5
    )
