import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spatialrag.training.weight_mean import WeightMean  # noqa: E402


def set_weight(network, value):
    with torch.no_grad():
        network.weight.fill_(value)


def test_the_mean_by_hand():
    network = torch.nn.Linear(1, 1, bias=False)
    set_weight(network, 1.0)
    mean = WeightMean(network, 0.75)
    for value in (2.0, 4.0):
        set_weight(network, value)
        mean.update()
    expected = 0.75 * (0.75 * 1 + 0.25 * 2) + 0.25 * 4
    np.testing.assert_allclose(mean.weights["weight"].item(), expected)
    with mean.exchanged():
        np.testing.assert_allclose(network.weight.item(), expected)
    assert network.weight.item() == 4.0


def test_it_goes_on_from_another():
    network = torch.nn.Linear(2, 1)
    first, second = WeightMean(network, 0.5), WeightMean(network, 0.5)
    set_weight(network, 3.0)
    first.update()
    second.load(first.weights)
    assert torch.equal(first.weights["weight"], second.weights["weight"])
