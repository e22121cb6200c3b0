import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spatialrag.domains.semst.network import Network  # noqa: E402
from spatialrag.domains.semst.settings import Architecture  # noqa: E402


def test_final_latent_is_eq_9():
    torch.manual_seed(0)
    settings = Architecture(hidden=5, width=3, identity=False, linear_path=False)
    network = Network(4, 9, 7, settings)
    first, second, semantic = torch.randn(6, 3), torch.randn(6, 3), torch.randn(6, 7)
    alpha, beta = network.fusion.coefficients(semantic)
    latent = torch.cat([first, second], 1)
    expected = ((1 + alpha) * latent + beta) @ network.projection.weight.T
    torch.testing.assert_close(network.final(first, second, semantic), expected)


def test_without_semantics_there_is_no_fusion_and_default_starts_as_the_spatial_branch():
    network = Network(4, 9, 0, Architecture(hidden=5, width=4))
    assert network.fusion is None
    first, second = torch.randn(6, 4), torch.randn(6, 4)
    found = network.final(first, second, None)
    torch.testing.assert_close(found, torch.cat([first, 0 * second], 1))
    both = Network(4, 9, 0, Architecture(hidden=5, width=4, feature_start=0.5))
    torch.testing.assert_close(both.final(first, second, None), torch.cat([first, 0.5 * second], 1))
    found.square().sum().backward()
    assert network.projection.weight.grad[:, 4:].abs().sum() > 0


def test_decoded_means_add_up_to_the_total():
    network = Network(4, 9, 0, Architecture(hidden=5, width=4))
    totals = torch.tensor([[10.0], [300.0]])
    found = network.decode(torch.randn(2, 8), totals)
    np.testing.assert_allclose(found["mean"].sum(1).detach(), totals[:, 0], rtol=1e-4)
    assert ((found["dropout"] > 0) & (found["dropout"] < 1)).all()
    assert (found["dispersion"] > 0).all()
    gaussian = Network(4, 9, 0, Architecture(hidden=5, width=4), heads=("mean",))
    assert set(gaussian.decode(torch.randn(2, 8), totals)) == {"mean"}


def test_released_form_has_a_narrower_latent():
    settings = Architecture(
        hidden=5, width=3, fusion="released", projection="mlp", decoder="exponential"
    )
    network = Network(4, 9, 8, settings)
    latent = network.final(torch.randn(6, 3), torch.randn(6, 3), torch.randn(6, 8))
    assert latent.shape == (6, 3)
    assert network.decode(latent, torch.ones(6, 1))["mean"].shape == (6, 9)
