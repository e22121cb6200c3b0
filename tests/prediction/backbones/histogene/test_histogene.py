import numpy as np
import pytest

torch = pytest.importorskip("torch")
from spatialrag.errors import InputError  # noqa: E402
from spatialrag.prediction.backbones.fitting import Fitting  # noqa: E402
from spatialrag.prediction.backbones.histogene.histogene import HisToGene  # noqa: E402
from spatialrag.prediction.backbones.views import view_of  # noqa: E402


def test_published_size():
    """106 million: patches of 112 x 112 x 3 pixels, width 1,024, 8 blocks, 785 genes."""
    with torch.device("meta"):
        network = HisToGene.published().network(112 * 112 * 3, 785)
    block = 2 * 2 * 1024 + 1024 * 3072 + 1024 * 1024 + 1024
    block += 1024 * 2048 + 2048 + 2048 * 1024 + 1024
    ends = 37_632 * 1024 + 1024 + 2 * 64 * 1024 + 2 * 1024 + 1024 * 785 + 785
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == 8 * block + ends
    assert round(count / 1e6, 1) == 106.6


def test_forward_by_hand():
    """One block of one head, with NumPy."""
    settings = HisToGene(width=4, depth=1, heads=1, head_width=4, mlp_width=8, dropout=0.0)
    torch.manual_seed(0)
    network = settings.network(2, 3).eval()
    x = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    view = view_of(x, np.array([[0.0, 0], [1, 0], [1, 1]]), n_around=1)
    w = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}

    def norm(v, name):
        z = (v - v.mean(1, keepdims=True)) / np.sqrt(v.var(1, keepdims=True) + 1e-5)
        return z * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(v, name):
        return v @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0)

    tokens = linear(x, "patch") + w["x.weight"][[0, 1, 1]] + w["y.weight"][[0, 0, 1]]
    q, k, v = np.split(linear(norm(tokens, "blocks.0.norm"), "blocks.0.qkv"), 3, axis=1)
    scores = np.exp(q @ k.T / 2)
    tokens = tokens + linear(scores / scores.sum(1, keepdims=True) @ v, "blocks.0.out.0")
    inner = linear(norm(tokens, "blocks.0.feed.0"), "blocks.0.feed.1")
    inner = torch.nn.functional.gelu(torch.tensor(inner)).numpy()
    tokens = tokens + linear(inner, "blocks.0.feed.4")
    expected = linear(norm(tokens, "head.0"), "head.1")
    with torch.inference_mode():
        found = network.predict(view).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_slide_larger_than_its_positions():
    network = HisToGene(n_positions=4).network(2, 3)
    xy = np.stack([np.arange(6.0), np.zeros(6)], axis=1)
    with pytest.raises(InputError, match="larger than the network's positions"):
        network.predict(view_of(np.ones((6, 2)), xy, n_around=1))
    with pytest.raises(InputError, match="reads a slide as a whole"):
        HisToGene(fitting=Fitting(batch=8))


def test_overfits(overfits):
    fitting = Fitting(epochs=80, learning_rate=5e-3, batch=None, patience=None)
    settings = HisToGene(width=32, depth=1, heads=2, head_width=16, dropout=0.0, fitting=fitting)
    assert overfits(settings) > 0.95
