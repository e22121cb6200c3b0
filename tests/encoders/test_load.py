import json
import sys
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from spatialrag.encoders.encoder import make_encoder  # noqa: E402
from spatialrag.encoders.load import build_timm, load_encoder  # noqa: E402
from spatialrag.encoders.zoo import zoo  # noqa: E402
from spatialrag.errors import InputError  # noqa: E402

TIMM = [name for name, entry in zoo().items() if entry.loader == "timm"]
OWN = [name for name, entry in zoo().items() if entry.loader == "own"]


def patches(encoder, n=3):
    shape = (n, encoder.size_px, encoder.size_px, 3)
    return np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)


def save(network, path):
    from safetensors.torch import save_file

    save_file(network.state_dict(), path)


@pytest.mark.parametrize("name", TIMM)
def test_timm_encoders_load_from_a_file(tiny_zoo, tmp_path, name):
    entry = tiny_zoo[name]
    torch.manual_seed(0)
    network = build_timm(entry).eval()
    save(network, tmp_path / "model.safetensors")
    torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")
    encoder = load_encoder(name, weights=tmp_path / "model.safetensors")
    vectors = encoder.encode(patches(encoder))
    tokens = {"class_and_mean": 2}.get(entry.vector, 1)
    assert vectors.shape == (3, entry.dim if name == "resnet50" else 48 * tokens)
    assert np.ptp(vectors, axis=0).max() > 0
    assert encoder.size_px == (entry.resize_px or entry.size_px)
    assert (encoder.patch_um, encoder.source) == (entry.patch_um, "model.safetensors")
    by_pickle = load_encoder(name, weights=str(tmp_path / "pytorch_model.bin"))
    np.testing.assert_array_equal(by_pickle.encode(patches(encoder)), vectors)


def test_vectors_are_what_the_model_pages_take(tiny_zoo, tmp_path):
    """Virchow2: class token beside the mean of patch tokens, registers left out."""
    network = build_timm(tiny_zoo["virchow2"]).eval()
    save(network, tmp_path / "w.safetensors")
    encoder = load_encoder("virchow2", weights=tmp_path / "w.safetensors")
    x = encoder._prepare(patches(encoder))
    with torch.inference_mode():
        tokens = network(x)
    expected = torch.cat([tokens[:, 0], tokens[:, 5:].mean(1)], dim=1).numpy()
    np.testing.assert_allclose(encoder.encode(patches(encoder)), expected, rtol=1e-5, atol=1e-6)


def test_a_folder_as_the_hub_keeps_it(tiny_zoo, tmp_path):
    """Its config names the architecture; what the page adds comes from the table."""
    entry = replace(tiny_zoo["uni"], arguments={"dynamic_img_size": True})
    tiny_zoo["uni"] = entry
    stated = {"depth": 1, "embed_dim": 48, "num_heads": 2, "img_size": 64, "init_values": 1e-5}
    config = {"architecture": "vit_large_patch16_224", "model_args": stated}
    (tmp_path / "config.json").write_text(json.dumps(config))
    network = build_timm(entry, tmp_path / "config.json")
    save(network, tmp_path / "model.safetensors")
    encoder = load_encoder("uni", weights=tmp_path)
    assert encoder.encode(patches(encoder)).shape == (3, 48)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(InputError, match="holds no weights"):
        load_encoder("uni", weights=tmp_path)


@pytest.mark.parametrize("name", ["phikon", "phikon-v2"])
def test_transformers_encoders_load_from_a_folder(tiny_zoo, tmp_path, name):
    transformers = pytest.importorskip("transformers")
    entry = tiny_zoo[name]
    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    small |= {"intermediate_size": 48, "image_size": 32, "patch_size": 16}
    kind = getattr(transformers, entry.architecture)
    network = kind(kind.config_class(**small)).eval()
    network.save_pretrained(tmp_path)
    encoder = load_encoder(name, weights=tmp_path)
    x = encoder._prepare(patches(encoder))
    with torch.inference_mode():
        expected = network(x).last_hidden_state[:, 0].numpy()
    np.testing.assert_allclose(encoder.encode(patches(encoder)), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(InputError, match="loaded from a folder"):
        load_encoder(name, weights=tmp_path / "model.safetensors")
    kind(kind.config_class(**small | {"num_hidden_layers": 2})).config.save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"does not fit .*[\s\S]*missing"):
        load_encoder(name, weights=tmp_path)


def stand_in():
    """What a user's factory returns: the publisher's network."""
    return torch.nn.Sequential(torch.nn.AvgPool2d(8), torch.nn.Flatten())


@pytest.mark.parametrize("name", OWN)
def test_encoders_that_need_their_own_code(tiny_zoo, tmp_path, monkeypatch, name):
    with pytest.raises(InputError, match="code of its publisher"):
        load_encoder(name)
    given = load_encoder(name, network=stand_in())
    vectors = given.encode(patches(given))
    assert vectors.shape == (3, 48)
    torch.jit.script(stand_in()).save(str(tmp_path / "net.pt"))
    scripted = load_encoder(name, weights=tmp_path / "net.pt")
    np.testing.assert_allclose(scripted.encode(patches(given)), vectors, rtol=1e-6)
    monkeypatch.setitem(sys.modules, "publisher", sys.modules[__name__])
    made = load_encoder(name, weights="publisher:stand_in")
    np.testing.assert_array_equal(made.encode(patches(given)), vectors)
    with pytest.raises(InputError, match="neither a file nor a factory"):
        load_encoder(name, weights="publisher:absent")


def test_torchscript_and_weights_both_end_in_pt(tiny_zoo, tmp_path):
    network = build_timm(tiny_zoo["uni"]).eval()
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    by_weights = load_encoder("uni", weights=tmp_path / "weights.pt")
    assert by_weights.encode(patches(by_weights)).shape == (3, 48)
    (tmp_path / "broken.pt").write_bytes(b"nothing")
    with pytest.raises(InputError, match="refused"):
        load_encoder("uni", weights=tmp_path / "broken.pt")
    with pytest.raises(InputError, match="not TorchScript"):
        load_encoder("ctranspath", weights=tmp_path / "broken.pt")
    with pytest.raises(InputError, match="does not exist"):
        load_encoder("ctranspath", weights=tmp_path / "no.pt")


def test_weights_decide_the_fingerprint(tiny_zoo, tmp_path):
    prints = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        path = tmp_path / f"{len(prints)}.safetensors"
        save(build_timm(tiny_zoo["uni"]), path)
        prints.append(make_encoder(f"uni:{path}").fingerprint)
    assert prints[0] == prints[1] != prints[2]
    with pytest.raises(InputError, match="do not exist"):
        make_encoder(f"uni:{tmp_path / 'no.safetensors'}")


def test_slide_encoders_come_from_files():
    with pytest.raises(InputError, match="precomputed:FOLDER"):
        make_encoder("threads")


def test_a_revision_is_asked_for(tiny_zoo, tmp_path, monkeypatch):
    asked = []

    def download(entry, revision):
        asked.append((entry.name, revision))
        return tmp_path, f"{entry.source}@{revision}"

    monkeypatch.setattr("spatialrag.encoders.load.download", download)
    save(build_timm(tiny_zoo["uni"]), tmp_path / "model.safetensors")
    assert make_encoder("uni:@0123abc").source == "MahmoodLab/UNI@0123abc"
    make_encoder("uni")
    assert asked == [("uni", "0123abc"), ("uni", None)]
