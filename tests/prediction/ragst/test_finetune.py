from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from spatialrag.encoders.encoder import PatchEncoder
from spatialrag.errors import InputError
from spatialrag.prediction.ragst import finetune
from spatialrag.prediction.ragst.finetune import FineTuning, features_of

QUICK = FineTuning(epochs=25, patience=25, learning_rate=3e-3, batch=16)
TYPES = ["red", "green", "blue"]
HELD = "c"  # the donor that seed 0 holds out


@pytest.fixture(scope="module")
def data():
    """Patches whose color is their composition, of four donors."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(3, 0.5), size=120)
    patches = shares[:, None, None] * 220 + rng.normal(0, 8, (120, 16, 16, 3)) + 10
    return patches.clip(0, 255).astype(np.uint8), shares, np.repeat(["a", "b", "c", "d"], 30)


def convolutions():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 5, stride=4), nn.GELU(), nn.Dropout(0.1))


def transformer(kind):
    transformers = pytest.importorskip("transformers", reason="needs the extra llm")
    torch.manual_seed(0)
    if kind == "vit":
        options = {"image_size": 16, "patch_size": 8, "hidden_size": 16, "num_hidden_layers": 1}
        options |= {"num_attention_heads": 2, "intermediate_size": 16}
        return transformers.ViTModel(transformers.ViTConfig(**options))
    options = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}
    return transformers.ResNetModel(transformers.ResNetConfig(layer_type="basic", **options))


def test_compositions_are_learned_end_to_end(data):
    patches, shares, groups = data
    network = convolutions()
    before = [p.detach().clone() for p in network.parameters()]
    found = QUICK.fit(network, patches, shares, types=TYPES, groups=groups)
    predicted = found.predict(patches)
    np.testing.assert_allclose(predicted.sum(axis=1), 1)
    assert np.corrcoef(predicted.ravel(), shares.ravel())[0, 1] > 0.95
    assert found.losses[-1] < found.losses[0]
    assert any((a != b).any() for a, b in zip(before, network.parameters(), strict=True))


@pytest.mark.parametrize("kind", ["vit", "resnet"])
def test_transformers_models_with_random_weights(data, kind):
    patches, shares, groups = data
    settings = replace(QUICK, epochs=12)
    found = settings.fit(transformer(kind), patches, shares, types=TYPES, groups=groups)
    assert found.encode(patches[:5]).shape == (5, 16)
    assert min(found.losses) < found.losses[0]


def test_what_comes_out_is_a_patch_encoder(data):
    patches, shares, groups = data
    settings = replace(QUICK, epochs=2)
    found = settings.fit(convolutions(), patches, shares, types=TYPES, groups=groups)
    assert isinstance(found, PatchEncoder)
    assert (found.size_px, found.name) == (16, "finetuned")
    one = found.encode(patches[:3])
    np.testing.assert_allclose(
        np.concatenate([found.encode(p[None]) for p in patches[:3]]), one, atol=1e-5
    )
    more = replace(settings, epochs=3)
    other = more.fit(convolutions(), patches, shares, types=TYPES, groups=groups)
    assert other.fingerprint != found.fingerprint


def test_best_weights_on_held_out_groups_are_kept_and_training_stops(data):
    """Targets that mean nothing on the held-out donors: more training only hurts there."""
    patches, shares, groups = data
    wrong, held = shares.copy(), groups == HELD
    wrong[held] = wrong[held][:, ::-1]
    settings = replace(QUICK, epochs=60, patience=3)
    found = settings.fit(convolutions(), patches, wrong, types=TYPES, groups=groups)
    best = int(np.argmin(found.losses))
    assert len(found.losses) == best + 1 + 3 < 60
    logits = np.log(found.predict(patches[held])) * found.temperature
    np.testing.assert_allclose(
        finetune.cross_entropy(logits, wrong[held]), found.losses[best], atol=1e-5
    )


def test_interrupted_training_resumes(data, tmp_path, monkeypatch):
    patches, shares, groups = data
    settings = replace(QUICK, epochs=6)
    options = {"types": TYPES, "groups": groups}
    whole = settings.fit(convolutions(), patches, shares, **options)
    calls, original = [], finetune.features_of

    def stopping(network, pixels):
        calls.append(1)
        if len(calls) == 40:
            raise KeyboardInterrupt
        return original(network, pixels)

    path = tmp_path / "tuning.pt"
    monkeypatch.setattr(finetune, "features_of", stopping)
    with pytest.raises(KeyboardInterrupt):
        settings.fit(convolutions(), patches, shares, checkpoint=path, **options)
    monkeypatch.setattr(finetune, "features_of", original)
    with pytest.raises(InputError, match="another training"):
        replace(settings, seed=1).fit(convolutions(), patches, shares, checkpoint=path, **options)
    resumed = settings.fit(convolutions(), patches, shares, checkpoint=path, **options)
    np.testing.assert_allclose(resumed.losses, whole.losses, atol=1e-6)
    assert not path.exists()


def test_bad_input(data):
    patches, shares, groups = data
    with pytest.raises(InputError, match=r"(?s)held-out donors.*'a' alone"):
        QUICK.fit(convolutions(), patches[:30], shares[:30], types=TYPES, groups=groups[:30])
    missing = shares.copy()
    missing[0] = np.nan
    with pytest.raises(InputError, match=r"(?s)a composition for every patch.*119 with one"):
        QUICK.fit(convolutions(), patches, missing, types=TYPES, groups=groups)
    with pytest.raises(InputError, match="returns no features"):
        features_of(nn.Flatten(0), torch.zeros(2, 3, 4, 4))
    with pytest.raises(InputError, match="at least one epoch"):
        FineTuning(epochs=0)
