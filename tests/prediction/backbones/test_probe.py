import pytest

torch = pytest.importorskip("torch")
from dataclasses import replace  # noqa: E402

from spatialrag.prediction.backbones.probe import Probe  # noqa: E402


def test_published_settings():
    fitting = Probe().fitting
    assert (fitting.epochs, fitting.learning_rate, fitting.weight_decay) == (100, 1e-3, 1e-5)
    assert (fitting.batch, fitting.patience) == (4096, None)
    assert sum(p.numel() for p in Probe().network(1024, 300).parameters()) == 1025 * 300


def test_overfits(overfits):
    settings = Probe(fitting=replace(Probe().fitting, epochs=100, learning_rate=0.05))
    assert overfits(settings) > 0.8  # a line through 32 noisy counts of 12 inputs
