import numpy as np
import pytest

torch = pytest.importorskip("torch")
from spatialrag.errors import InputError  # noqa: E402
from spatialrag.prediction.backbones.bleep.bleep import BLEEP, contrastive_loss  # noqa: E402
from spatialrag.prediction.backbones.fitting import Fitting  # noqa: E402


def test_published_size():
    """Heads of 2,048 image features and 3,467 genes to 256."""
    with torch.device("meta"):
        network = BLEEP.published().network(2048, 3467)
    head = 256 * 256 + 256 + 2 * 256
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == (2048 + 1) * 256 + (3467 + 1) * 256 + 2 * head


def test_loss_by_hand():
    """Symmetric soft cross entropy, targets from both spaces, with NumPy."""
    rng = np.random.default_rng(0)
    image, expression = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))

    def softmax(v, axis):
        e = np.exp(v - v.max(axis, keepdims=True))
        return e / e.sum(axis, keepdims=True)

    t = 0.7
    logits = expression @ image.T / t
    targets = softmax((image @ image.T + expression @ expression.T) / 2 / t, 1)
    rows = -(targets * np.log(softmax(logits, 1))).sum(1)
    columns = -(targets.T * np.log(softmax(logits.T, 1))).sum(1)
    found = contrastive_loss(torch.tensor(image), torch.tensor(expression), t)
    assert float(found) == pytest.approx(((rows + columns) / 2).mean())


def test_prediction_is_a_mean_of_references(small):
    fitting = Fitting(epochs=5, batch=16, patience=None)
    every = BLEEP(width=16, n_retrieved=1000, fitting=fitting)
    trained = every.fit(small, small.genes, scale="log1p")
    mean = small.on_scale("log1p").toarray().mean(axis=0)
    found = trained.predict(small.embeddings_of("s0"))
    np.testing.assert_allclose(found, np.tile(mean, (32, 1)), rtol=1e-4)
    with pytest.raises(InputError, match="n_retrieved must be at least 1"):
        BLEEP(n_retrieved=0)


def test_overfits(overfits):
    """With one retrieved spot a trained space finds the spot itself."""
    fitting = Fitting(epochs=80, learning_rate=5e-3, batch=None, patience=None)
    settings = BLEEP(width=32, temperature=0.5, n_retrieved=1, dropout=0.0, fitting=fitting)
    assert overfits(settings) > 0.95
