from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from spatialrag.errors import InputError  # noqa: E402
from spatialrag.prediction.backbones.fitting import Fitting  # noqa: E402
from spatialrag.prediction.backbones.stem.stem import Stem  # noqa: E402


def test_published_size():
    """About 35 million: 12 blocks of 384 under a condition of 1,536, 300 genes."""
    with torch.device("meta"):
        network = Stem.published().network(1536, 300)
    h = 384
    block = 4 * (h * h + h) + 8 * h * h + 5 * h + 6 * (h * h + h)
    ends = 2 * h + h * h + h + 300 * h + 256 * h + h + h * h + h
    ends += 1536 * 1536 + 1536 + 1536 * h + h + 2 * (h * h + h) + 2 * h + 2
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == 12 * block + ends
    assert round(count / 1e6) == 36


def test_overfits_and_a_few_steps_are_enough(small):
    fitting = Fitting(epochs=200, learning_rate=5e-3, batch=None, patience=None)
    settings = Stem(components=None, fitting=fitting)
    trained = settings.fit(small, small.genes, scale="log1p")
    truth = small.on_scale("log1p").toarray()
    queries = small.embeddings_of("s0")

    def score(**changes):
        trained.network.settings = replace(settings, **changes)
        found = trained.predict(queries)
        return np.mean([np.corrcoef(found[:, j], truth[:, j])[0, 1] for j in range(10)])

    assert score() > 0.95
    np.testing.assert_array_equal(trained.predict(queries), trained.predict(queries))
    assert score(steps=1, start=1.0) > score(steps=20, start=1.0) - 0.02


def test_settings_are_checked():
    with pytest.raises(InputError, match="steps lie between 1 and noise_steps"):
        Stem(steps=0)
    with pytest.raises(InputError, match="start is a share of the schedule"):
        Stem(start=0.0)
    with pytest.raises(InputError, match="takes every step"):
        Stem(ancestral=True)
    with pytest.raises(InputError, match="one of noise, velocity"):
        Stem(predicts="score")
    assert Stem.published().steps == 1000
    assert Stem.published().fitting.ema_decay == 0.9999
