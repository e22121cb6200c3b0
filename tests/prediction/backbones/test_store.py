from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")
from spatialrag.encoders.tiles import Tiles  # noqa: E402
from spatialrag.errors import InputError  # noqa: E402
from spatialrag.model_file import read_model, write_model  # noqa: E402
from spatialrag.prediction.backbones.backbone import make_backbone  # noqa: E402
from spatialrag.prediction.backbones.store import read_backbone, write_backbone  # noqa: E402

NAMES = ["probe", "histogene", "bleep", "triplex", "stem", "deepspot"]


def trained(name, bank, **changes):
    settings = make_backbone(name)
    fitting = replace(settings.fitting, epochs=2, patience=None, **changes)
    return replace(settings, fitting=fitting, components=4).fit(bank, bank.genes, scale="log1p")


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_predicts_the_same(small, tmp_path, name):
    before = trained(name, small)
    path = write_backbone(before, name, tmp_path / "backbone.safetensors")
    assert [p.name for p in tmp_path.iterdir()] == ["backbone.safetensors"]
    after = read_backbone(path, bank=small)
    assert after.settings == before.settings
    assert after.genes.tolist() == small.genes.tolist()
    queries = small.embeddings_of("s0")
    np.testing.assert_array_equal(after.predict(queries), before.predict(queries))


def test_the_mean_of_weights_is_what_is_kept(small, tmp_path):
    before = trained("stem", small, ema_decay=0.9)
    path = write_backbone(before, "stem", tmp_path / "b.safetensors")
    after = read_backbone(path, bank=small)
    assert after.settings.fitting.ema_decay == 0.9
    queries = small.embeddings_of("s0")
    np.testing.assert_array_equal(after.predict(queries), before.predict(queries))
    last = trained("stem", small)
    assert not np.array_equal(last.predict(queries), before.predict(queries))


def test_a_file_from_before_a_setting_existed(small, tmp_path):
    """It was written by networks that had no mean of weights."""
    before = trained("probe", small)
    path = write_backbone(before, "probe", tmp_path / "b.safetensors")
    arrays, record = read_model(path, schema=1, kind="trained backbone", writer="write_backbone")
    del record["settings"]["fitting"]["ema_decay"]
    write_model(path, arrays, record)
    after = read_backbone(path, bank=small)
    assert after.settings == before.settings
    queries = small.embeddings_of("s0")
    np.testing.assert_array_equal(after.predict(queries), before.predict(queries))


def test_tiles_are_given_again(small, tmp_path):
    vectors = np.random.default_rng(0).normal(size=(32, 4, 12)).astype(np.float32)
    tiles = Tiles({"s0": small.references["barcode"].to_numpy(str)}, {"s0": vectors})
    settings = make_backbone("deepspot")
    fitting = replace(settings.fitting, epochs=1, patience=None)
    settings = replace(settings, fitting=fitting, tiles=tiles)
    before = settings.fit(small, small.genes, scale="log1p")
    path = write_backbone(before, "deepspot", tmp_path / "b.safetensors")
    after = read_backbone(path, bank=small, tiles=tiles)
    queries = small.embeddings_of("s0")
    np.testing.assert_array_equal(after.predict(queries), before.predict(queries))
    with pytest.raises(InputError, match="trained with tiles"):
        read_backbone(path, bank=small)
    wrong = Tiles(tiles.spots, {"s0": vectors[:, :, :5]})
    with pytest.raises(InputError, match="by another encoder"):
        read_backbone(path, bank=small, tiles=wrong).predict(queries)


def test_what_does_not_fit_is_refused(small, tmp_path):
    path = write_backbone(trained("probe", small), "probe", tmp_path / "b.safetensors")
    with pytest.raises(InputError, match="not registered as 'stem'"):
        write_backbone(trained("probe", small), "stem", tmp_path / "c.safetensors")
    keep = np.arange(10) != 4
    fewer = replace(
        small,
        expression=small.expression[:, keep],
        genes=small.genes[keep],
        measured=small.measured[keep],
    )
    with pytest.raises(InputError, match="G4"):
        read_backbone(path, bank=fewer)
    other = replace(small, encoder=replace(small.encoder, fingerprint="other"))
    with pytest.raises(InputError, match="trained on other embeddings"):
        read_backbone(path, bank=other)
    with pytest.raises(InputError, match="does not exist"):
        read_backbone(tmp_path / "no.safetensors", bank=small)
    (tmp_path / "broken.safetensors").write_bytes(b"12345678")
    with pytest.raises(InputError, match="not a trained backbone"):
        read_backbone(tmp_path / "broken.safetensors", bank=small)


def test_damaged_models_are_told(small, tmp_path):
    """Whoever writes such a file again with its own record: shapes and names are checked."""
    path = write_backbone(trained("probe", small), "probe", tmp_path / "b.safetensors")
    arrays, record = read_model(path, schema=1, kind="", writer="", infinite=("features.spread",))
    network = next(name for name in arrays if name.startswith("network."))
    for changed, said, message in (
        ({"features.mean": np.ones(3)}, {}, "features.mean is .3,"),
        ({"outputs.centre": np.ones(1)}, {}, "outputs.centre is .1,"),
        ({network: np.ones(7)}, {}, "(?s)damaged or was edited.*size mismatch"),
        ({"network.more": np.ones(7)}, {}, "(?s)damaged or was edited.*more"),
        ({network: np.full_like(arrays[network], np.nan)}, {}, f"{network} holds NaN"),
        ({}, {"genes": 3}, "damaged or was edited"),
        ({}, {"settings": None}, "damaged or was edited"),
        ({}, {"settings": {}}, "damaged or was edited"),
        ({}, {"backbone": "none"}, "none"),
    ):
        write_model(path, arrays | changed, record | said)
        with pytest.raises(InputError, match=message):
            read_backbone(path, bank=small)
    write_model(path, {}, record)
    with pytest.raises(InputError, match="features.mean is missing"):
        read_backbone(path, bank=small)
    write_model(path, arrays, {"schema": 1})
    with pytest.raises(InputError, match="damaged or was edited"):
        read_backbone(path, bank=small)
