from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
from spatialrag.prediction.backbones.bleep.bleep import BLEEP
from spatialrag.prediction.backbones.linear import Linear
from spatialrag.workflow.networks import on_device, train

SCALE = "log1p_cp10k"


@pytest.fixture
def trained_with(toy_bank, tmp_path):
    references, genes = toy_bank.without(slides=["toy4"]), toy_bank.genes[:20]

    def trained_with(settings, references=references, genes=genes, name="bleep", device="cpu"):
        return train(name, settings, references, genes, scale=SCALE, device=device, folder=tmp_path)

    return trained_with


def short(seed=0):
    return replace(BLEEP(), fitting=replace(BLEEP().fitting, epochs=2, seed=seed))


def networks(folder):
    return sorted(path.name for path in folder.glob("*.safetensors"))


def test_the_same_network_is_trained_once(trained_with, toy_bank, tmp_path, monkeypatch):
    queries = toy_bank.embeddings_of("toy4")
    first = trained_with(short())
    kept = networks(tmp_path)
    assert len(kept) == 1

    def never(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(BLEEP, "fit", never)
    again = trained_with(short())
    assert networks(tmp_path) == kept
    assert again.epochs == first.epochs
    np.testing.assert_array_equal(again.predict(queries), first.predict(queries))


@pytest.mark.parametrize("change", ["seed", "genes", "references"])
def test_what_decides_a_network_makes_another(trained_with, toy_bank, tmp_path, change):
    changes = {
        "seed": {"settings": short(seed=1)},
        "genes": {"genes": toy_bank.genes[:19]},
        "references": {"references": toy_bank.without(slides=["toy3"])},
    }
    trained_with(short())
    trained_with(**({"settings": short()} | changes[change]))
    assert len(networks(tmp_path)) == 2


def test_the_device_decides_nothing(trained_with, tmp_path, monkeypatch):
    trained_with(on_device(short(), "cuda"), device="cpu")
    kept = networks(tmp_path)
    trained_with(short())
    assert networks(tmp_path) == kept
    assert on_device(short(), "cuda").fitting.device == "cuda"
    assert on_device(Linear(), "cuda") == Linear()


def test_closed_forms_are_not_kept(trained_with, toy_bank, tmp_path):
    trained = trained_with(Linear(), name="linear")
    assert trained.genes.tolist() == toy_bank.genes[:20].tolist()
    assert list(tmp_path.iterdir()) == []
