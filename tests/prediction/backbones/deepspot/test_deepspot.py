from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from spatialrag.prediction.backbones.deepspot.deepspot import DeepSets, DeepSpot  # noqa: E402
from spatialrag.prediction.backbones.fitting import Fitting  # noqa: E402
from spatialrag.prediction.backbones.views import view_of  # noqa: E402


def test_published_size():
    """Ten phi of 1024 to 512 and ten rho of 1024 to 5,000 genes (no sub-spots: 2 x 512 inputs)."""
    with torch.device("meta"):
        network = DeepSpot.published().network(1024, 5000)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == 10 * (1024 * 512 + 512) + 10 * (2 * 512 * 5000 + 5000)


def test_forward_by_hand():
    """Identity of the spot, maximum over the spots next to it, zeros where there is none."""
    settings = DeepSpot(width=3, ensemble=2, dropout=0.0, output_dropout=0.0)
    torch.manual_seed(0)
    network = DeepSets(2, 4, settings).eval()
    xy = np.array([[0.0, 0], [1, 0], [2, 0], [9, 0]])
    x = torch.randn(4, 2)
    view = view_of(x.numpy(), xy, n_around=8)

    def phi(v):
        outputs = torch.stack([torch.relu(part[0](v)) for part in network.phi.parts])
        return outputs.median(dim=0).values

    known = phi(x)
    around = [known[1], torch.maximum(known[0], known[2]), known[1], torch.zeros(3)]
    joined = torch.cat([known, torch.stack(around)], dim=1)
    expected = torch.stack([part[2](joined) for part in network.rho.parts]).mean(dim=0)
    torch.testing.assert_close(network.predict(view), expected)
    some = network(view, torch.tensor([2, 0]))
    torch.testing.assert_close(some, expected[[2, 0]])


def test_overfits(overfits):
    fitting = Fitting(epochs=200, learning_rate=3e-3, batch=None, patience=None)
    settings = DeepSpot(width=64, ensemble=2, dropout=0.0, output_dropout=0.0, fitting=fitting)
    assert overfits(settings) > 0.95
    shuffled = replace(settings, fitting=replace(fitting, epochs=1))
    assert overfits(shuffled) < 0.9
