import pytest

torch = pytest.importorskip("torch")

from spatialrag.domains.semst.released import ReleasedFSM  # noqa: E402


def test_four_linear_layers_with_the_published_widths():
    module = ReleasedFSM(2560, 256, ratio=1.2)
    layers = [m for m in module.modules() if isinstance(m, torch.nn.Linear)]
    widths = [(layer.in_features, layer.out_features) for layer in layers]
    assert widths == [(2560, 1280), (1280, 128), (128, 153), (153, 512)]


def test_modulates():
    torch.manual_seed(0)
    module = ReleasedFSM(6, 4)
    latent, semantic = torch.randn(5, 4), torch.randn(5, 6)
    alpha, beta = module.coefficients(semantic)
    torch.testing.assert_close(module(latent, semantic), (1 + alpha) * latent + beta)
    assert not torch.allclose(module(latent, semantic), latent)
