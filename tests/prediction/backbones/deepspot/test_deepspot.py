from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from spatialrag.encoders.tiles import Tiles  # noqa: E402
from spatialrag.prediction.backbones.deepspot.deepspot import DeepSets, DeepSpot  # noqa: E402
from spatialrag.prediction.backbones.fitting import Fitting  # noqa: E402
from spatialrag.prediction.backbones.views import view_of  # noqa: E402

TILES = Tiles({}, {})


def test_published_size():
    """Ten phi of 1024 to 512 and ten rho of 1536 (with sub-spots) to 5,000 genes."""
    for settings, sets in ((DeepSpot.published(TILES), 3), (DeepSpot.published(), 2)):
        with torch.device("meta"):
            network = settings.network(1024, 5000)
        count = sum(parameter.numel() for parameter in network.parameters())
        assert count == 10 * (1024 * 512 + 512) + 10 * (sets * 512 * 5000 + 5000)


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


def test_tiles_are_summed():
    torch.manual_seed(0)
    settings = DeepSpot(width=3, ensemble=1, dropout=0.0, output_dropout=0.0, tiles=TILES)
    network = DeepSets(2, 4, settings).eval()
    view = view_of(np.ones((1, 2)), np.zeros((1, 2)), n_around=8)
    view = replace(view, tiles=torch.randn(1, 9, 2))
    phi, rho = network.phi.parts[0], network.rho.parts[0]
    within = sum(phi(tile) for tile in view.tiles[0])
    own = phi(view.vectors[0])
    expected = rho(torch.cat([own, within, torch.zeros(3)]))
    torch.testing.assert_close(network.predict(view)[0], expected)


def test_overfits_with_tiles(overfits):
    fitting = Fitting(epochs=80, learning_rate=5e-3, batch=None, patience=None)
    vectors = np.random.default_rng(0).normal(size=(32, 4, 12)).astype(np.float32)
    tiles = Tiles({"s0": np.arange(32).astype(str)}, {"s0": vectors})
    settings = DeepSpot(
        width=64, ensemble=2, dropout=0.0, output_dropout=0.0, tiles=tiles, fitting=fitting
    )
    assert overfits(settings) > 0.95


def test_overfits(overfits):
    fitting = Fitting(epochs=80, learning_rate=5e-3, batch=None, patience=None)
    settings = DeepSpot(width=64, ensemble=2, dropout=0.0, output_dropout=0.0, fitting=fitting)
    assert overfits(settings) > 0.95
    shuffled = replace(settings, fitting=replace(fitting, epochs=1))
    assert overfits(shuffled) < 0.9
