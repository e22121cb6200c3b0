import numpy as np
import pytest
from scipy import stats

torch = pytest.importorskip("torch")

from spatialrag.domains import losses  # noqa: E402
from spatialrag.domains.losses import (  # noqa: E402
    correlation_reduction,
    spatial_regularization,
    zinb_loss,
)
from spatialrag.errors import InputError  # noqa: E402


def ring(n):
    spot = torch.arange(n)
    after = (spot + 1) % n
    return torch.stack([torch.cat([spot, after]), torch.cat([after, spot])])


def test_zinb_is_scipys_negative_binomial_with_more_zeros():
    counts = np.array([[0.0, 1, 5, 40]])
    mean, theta, dropout = 3.7, 1.9, 0.3
    negative_binomial = stats.nbinom.pmf(counts, theta, theta / (theta + mean))
    expected = -np.log((1 - dropout) * negative_binomial + dropout * (counts == 0))
    like = torch.ones(1, 4, dtype=torch.float64)
    found = zinb_loss(torch.tensor(counts), mean * like, theta * like, dropout * like)
    np.testing.assert_allclose(found.numpy(), expected)


def test_correlation_reduction_by_hand():
    first = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    second = torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    half = np.sqrt(0.5)
    expected = (0 + half**2 + 0 + (half - 1) ** 2) / 4
    assert correlation_reduction(first, second).item() == pytest.approx(expected)
    assert correlation_reduction(first, first).item() == 0


@pytest.mark.parametrize("balanced", [True, False])
def test_exact_form_is_the_double_sum(balanced):
    torch.manual_seed(1)
    latent, edges = torch.randn(8, 3, dtype=torch.float64), ring(8)
    unit = (latent / latent.norm(dim=1, keepdim=True)).numpy()
    psi, sigmoid = unit @ unit.T, lambda x: 1 / (1 + np.exp(-x))
    pairs = set(map(tuple, edges.T.tolist()))
    near = [-np.log(sigmoid(psi[i, j])) for i, j in pairs]
    far = [
        -np.log(1 - sigmoid(psi[i, j]))
        for i in range(8)
        for j in range(8)
        if i != j and (i, j) not in pairs
    ]
    expected = np.mean(near) + np.mean(far) if balanced else (sum(near) + sum(far)) / 64
    found = spatial_regularization(latent, edges, form="exact", balanced=balanced)
    assert found.item() == pytest.approx(expected)


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("clustered", [True, False])
def test_moments_agree_with_exact_in_value_and_gradient(balanced, clustered):
    torch.manual_seed(2)
    latent = torch.randn(600, 16, dtype=torch.float64)
    if clustered:
        latent = latent + 4 * torch.randn(5, 16, dtype=torch.float64)[torch.arange(600) % 5]
    values, gradients = [], []
    for form in ("exact", "moments"):
        own = latent.clone().requires_grad_()
        loss = spatial_regularization(own, ring(600), form=form, balanced=balanced)
        loss.backward()
        values.append(loss.item())
        gradients.append(own.grad.ravel())
    assert values[1] == pytest.approx(values[0], rel=1e-3)
    assert torch.cosine_similarity(*gradients, dim=0) > 0.9999


def test_sampled_form_is_unbiased_and_seeded():
    torch.manual_seed(3)
    latent = torch.randn(60, 4, dtype=torch.float64)
    exact = spatial_regularization(latent, ring(60), form="exact").item()

    def draw(seed):
        generator = torch.Generator().manual_seed(seed)
        return spatial_regularization(latent, ring(60), form="sampled", generator=generator).item()

    draws = [draw(seed) for seed in range(200)]
    assert draw(0) == draws[0] != draws[1]
    assert abs(np.mean(draws) - exact) < 4 * np.std(draws) / np.sqrt(200)


def test_a_zero_vector_does_not_spoil_gradients():
    latent = torch.randn(6, 3)
    latent[2] = 0
    latent.requires_grad_()
    for form in ("exact", "moments", "sampled"):
        spatial_regularization(latent, ring(6), form=form).backward()
    assert torch.isfinite(latent.grad).all()
    with pytest.raises(InputError, match="unknown form"):
        spatial_regularization(latent, ring(6), form="dense")


def test_edge_products_and_their_gradient(monkeypatch):
    monkeypatch.setattr(losses, "_EDGES", 5)
    torch.manual_seed(0)
    unit = torch.randn(8, 3, dtype=torch.float64, requires_grad=True)
    edges = ring(8)
    found = losses._EdgeProducts.apply(unit, edges)
    torch.testing.assert_close(found, (unit[edges[0]] * unit[edges[1]]).sum(1))
    assert torch.autograd.gradcheck(lambda x: losses._EdgeProducts.apply(x, edges), unit)


def test_diagonal_apart_weighs_the_diagonal_more():
    torch.manual_seed(0)
    first, second = torch.randn(9, 4), torch.randn(9, 4)
    unit = [x / x.norm(dim=0) for x in (first, second)]
    squares = (unit[0].T @ unit[1] - torch.eye(4)).square()
    diagonal = squares.diagonal().mean()
    rest = (squares.sum() - squares.diagonal().sum()) / 12
    found = correlation_reduction(first, second, diagonal_apart=True)
    torch.testing.assert_close(found, diagonal + rest)
