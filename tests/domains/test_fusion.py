import pytest

torch = pytest.importorskip("torch")

from spatialrag.domains.fusion import FSM, FUSIONS, make_fusion  # noqa: E402
from spatialrag.errors import InputError  # noqa: E402


@pytest.mark.parametrize("name", FUSIONS)
def test_starts_as_the_identity_and_learns_away_from_it(name):
    torch.manual_seed(0)
    latent, semantic = torch.randn(5, 4), torch.randn(5, 7)
    module = make_fusion(name, 7, 4)
    torch.testing.assert_close(module(latent, semantic), latent)
    module(latent, semantic).pow(3).sum().backward()
    assert sum(p.grad.abs().sum() for p in module.parameters()) > 0
    other = make_fusion(name, 7, 4, identity=False)
    assert not torch.allclose(other(latent, semantic), latent)
    assert other(latent, semantic).shape == latent.shape


@pytest.mark.parametrize("name", FUSIONS)
def test_each_spot_is_fused_by_itself(name):
    torch.manual_seed(0)
    latent, semantic = torch.randn(5, 4), torch.randn(5, 7)
    module = make_fusion(name, 7, 4, identity=False)
    torch.testing.assert_close(module(latent[1:2], semantic[1:2])[0], module(latent, semantic)[1])
    assert not torch.allclose(module(latent, semantic), module(latent, semantic.flip(0)))


def test_equations_by_hand():
    module = FSM(3, 2, hidden=4)
    torch.nn.init.normal_(module.mlp[-1].weight)
    latent, semantic = torch.randn(6, 2), torch.randn(6, 3)
    both = module.mlp(semantic)
    alpha, beta = module.coefficients(semantic)
    torch.testing.assert_close(torch.cat([alpha, beta], dim=1), both)
    torch.testing.assert_close(module(latent, semantic), (1 + both[:, :2]) * latent + both[:, 2:])


def test_bad_input():
    for name in FUSIONS:
        with pytest.raises(InputError, match="at least 1"):
            make_fusion(name, 0, 4)
    with pytest.raises(InputError, match="unknown fusion"):
        make_fusion("average", 3, 4)
