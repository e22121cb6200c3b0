import pytest

torch = pytest.importorskip("torch")
from spatialrag.prediction.backbones.fitting import Fitting  # noqa: E402
from spatialrag.prediction.backbones.triplex.network import Sizes  # noqa: E402
from spatialrag.prediction.backbones.triplex.triplex import TRIPLEX  # noqa: E402


def test_published_size():
    """Width 512; depth 1, 3, 3; feed-forward x 4, x 4, x 1 (fusion, global, neighbor)."""
    with torch.device("meta"):
        network = TRIPLEX.published().network(1024, 250)
    width = 512

    def layer(ratio, norms=1):
        inner = int(width * ratio)
        attention = norms * 2 * width + 4 * (width * width + width)
        return attention + 2 * width + 2 * width * inner + inner + width

    embeds = 3 * (1024 * width + width)
    others = 16 * 16 + width * 9 + width + 2 * width + 4 * (width * 250 + 250)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == layer(4, norms=2) + 3 * layer(4) + 3 * layer(1) + embeds + others


def test_overfits(overfits):
    fitting = Fitting(epochs=50, learning_rate=5e-3, batch=None, patience=None)
    sizes = Sizes(width=32, global_depth=1, dropouts=(0.0, 0.0, 0.0))
    assert overfits(TRIPLEX(sizes=sizes, n_around=8, fitting=fitting)) > 0.95
