import pytest

torch = pytest.importorskip("torch")

from spatialrag.domains.convolutions import Convolutions  # noqa: E402


def ring(n=6):
    dense = torch.eye(n) + torch.eye(n).roll(1, 0) + torch.eye(n).roll(-1, 0)
    return (dense / 3).to_sparse()


def test_convolutions_are_eq_3():
    torch.manual_seed(0)
    values, adjacency = torch.randn(6, 4), ring()
    branch = Convolutions(4, 5, 3)
    a = adjacency.to_dense()
    hidden = torch.relu(a @ (values @ branch.first.weight.T + branch.first.bias))
    expected = a @ (hidden @ branch.second.weight.T + branch.second.bias)
    torch.testing.assert_close(branch(values, adjacency), expected)


def test_linear_path_starts_as_neighborhood_means():
    values, adjacency = torch.randn(6, 4), ring()
    found = Convolutions(4, 5, 4, linear_path=True)(values, adjacency)
    a = adjacency.to_dense()
    torch.testing.assert_close(found, a @ a @ values)
    wider = Convolutions(4, 5, 7, linear_path=True)(values, adjacency)
    torch.testing.assert_close(wider[:, :4], a @ a @ values)
    assert (wider[:, 4:] == 0).all()
