from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
from spatialrag.prediction.backbones.bleep.bleep import BLEEP
from spatialrag.prediction.backbones.linear import Linear
from spatialrag.workflow.networks import CachedBackbone

SCALE = "log1p_cp10k"


@pytest.fixture
def references(toy_bank):
    return toy_bank.without(slides=["toy4"])


def short(seed=0):
    return replace(BLEEP(), fitting=replace(BLEEP().fitting, epochs=2, seed=seed))


def networks(folder):
    return sorted(path.name for path in folder.glob("*.safetensors"))


def test_the_same_network_is_trained_once(references, toy_bank, tmp_path, monkeypatch):
    queries, genes = toy_bank.embeddings_of("toy4"), toy_bank.genes[:20]
    first = CachedBackbone("bleep", short(), tmp_path).fit(references, genes, scale=SCALE)
    kept = networks(tmp_path)
    assert len(kept) == 1

    def never(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(BLEEP, "fit", never)
    again = CachedBackbone("bleep", short(), tmp_path).fit(references, genes, scale=SCALE)
    assert networks(tmp_path) == kept
    assert again.epochs == first.epochs
    np.testing.assert_array_equal(again.predict(queries), first.predict(queries))


@pytest.mark.parametrize("change", ["seed", "mean", "genes", "references"])
def test_what_decides_a_network_makes_another(references, toy_bank, tmp_path, change):
    genes, settings = toy_bank.genes[:20], short()
    CachedBackbone("bleep", settings, tmp_path).fit(references, genes, scale=SCALE)
    if change == "seed":
        settings = short(seed=1)
    elif change == "mean":
        settings = replace(settings, fitting=replace(settings.fitting, ema_decay=0.5))
    elif change == "genes":
        genes = genes[:19]
    else:
        references = toy_bank.without(slides=["toy3"])
    CachedBackbone("bleep", settings, tmp_path).fit(references, genes, scale=SCALE)
    assert len(networks(tmp_path)) == 2


def test_networks_are_trained_on_the_device(references, toy_bank, tmp_path, monkeypatch):
    class Reached(Exception):
        pass

    def fit(self, *_, **__):
        raise Reached(self.fitting.device)

    monkeypatch.setattr(BLEEP, "fit", fit)
    with pytest.raises(Reached, match="cuda"):
        CachedBackbone("bleep", short(), tmp_path, "cuda").fit(
            references, toy_bank.genes[:20], scale=SCALE
        )


def test_the_device_decides_nothing(references, toy_bank, tmp_path, monkeypatch):
    """A network trained elsewhere is read to where it is needed."""
    genes = toy_bank.genes[:20]
    CachedBackbone("bleep", short(), tmp_path).fit(references, genes, scale=SCALE)
    asked = {}

    def read(path, *, bank, tiles, device):
        asked.update(path=path, device=device)

    monkeypatch.setattr("spatialrag.prediction.backbones.store.read_backbone", read)
    CachedBackbone("bleep", short(), tmp_path, "cuda").fit(references, genes, scale=SCALE)
    assert asked == {"path": tmp_path / networks(tmp_path)[0], "device": "cuda"}


def test_closed_forms_are_not_kept(references, toy_bank, tmp_path):
    genes = toy_bank.genes[:20]
    trained = CachedBackbone("linear", Linear(), tmp_path).fit(references, genes, scale=SCALE)
    assert trained.genes.tolist() == genes.tolist()
    assert list(tmp_path.iterdir()) == []
