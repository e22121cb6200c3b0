import pytest

torch = pytest.importorskip("torch")

from spatialrag.domains.semst.fsm import FSM  # noqa: E402
from spatialrag.errors import InputError  # noqa: E402


def test_starts_as_the_identity_and_learns_away_from_it():
    torch.manual_seed(0)
    latent, semantic = torch.randn(5, 4), torch.randn(5, 7)
    module = FSM(7, 4)
    torch.testing.assert_close(module(latent, semantic), latent)
    module(latent, semantic).square().sum().backward()
    assert module.mlp[-1].weight.grad.abs().sum() > 0


def test_equations_by_hand():
    module = FSM(3, 2, hidden=4)
    torch.nn.init.normal_(module.mlp[-1].weight)
    latent, semantic = torch.randn(6, 2), torch.randn(6, 3)
    both = module.mlp(semantic)
    alpha, beta = module.coefficients(semantic)
    torch.testing.assert_close(torch.cat([alpha, beta], dim=1), both)
    torch.testing.assert_close(module(latent, semantic), (1 + both[:, :2]) * latent + both[:, 2:])


def test_widths_are_checked():
    with pytest.raises(InputError, match="at least 1"):
        FSM(0, 4)
