import shutil
import threading
import time
import zipfile
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings, strategies as st

from spatialrag import keys
from spatialrag.bank.build import build_bank, join_banks
from spatialrag.bank.store import describe, read_bank, update_bank, verify_bank, write_bank
from spatialrag.errors import BankError, InputError
from spatialrag.expression.cohort import read_her2st_cohort

FIRST_RELEASE = Path(__file__).parents[1] / "fixtures" / "first_release.zip"


@pytest.fixture
def path(toy_bank, tmp_path):
    return write_bank(toy_bank, tmp_path / "bank.zarr")


def test_round_trip(path, toy_bank):
    bank = verify_bank(path)
    assert bank.fingerprint == toy_bank.fingerprint
    assert (bank.expression != toy_bank.expression).nnz == 0
    np.testing.assert_array_equal(bank.embeddings, toy_bank.embeddings)
    np.testing.assert_array_equal(bank.thumbnails, toy_bank.thumbnails)
    assert bank.encoder == toy_bank.encoder
    assert bank.references.equals(toy_bank.references)
    assert bank.slides.equals(toy_bank.slides)


def test_opens_with_plain_anndata(path, toy_bank):
    adata = ad.read_zarr(path)
    assert adata.shape == toy_bank.expression.shape
    assert list(adata.obs["slide"].cat.categories) == ["toy1", "toy2", "toy3", "toy4"]
    assert "X_color" in adata.obsm
    assert adata.obsm["spatial"].shape == (224, 2)
    assert sum(file.is_file() for file in path.rglob("*")) < 150


def test_edited_expression_is_seen_on_opening(path):
    array = zarr.open_group(path, mode="r+")["X/data"]
    array[0] = array[0] + 1
    with pytest.raises(BankError, match="depths of 1 references"):
        read_bank(path)


def test_edited_embeddings_are_seen_by_verify(path):
    array = zarr.open_group(path, mode="r+")["obsm/X_color"]
    array[0, 0] = array[0, 0] + 1
    read_bank(path)
    with pytest.raises(InputError, match="slide 'toy1' is not what was written"):
        verify_bank(path)


def backwards(values):
    return values[::-1]


def swapped(values):
    return [values[1], values[0], *values[2:]]


def more(values):
    return values + 1


SLIDES = f"uns/{keys.RECORD}/slides"
# What is edited, as a script would; the second of a pair is what tells of the same fact.
EDITS = {
    "donors": {"obs/donor/codes": backwards, f"{SLIDES}/donor": backwards},
    "donors of references": {"obs/donor/codes": backwards},
    "donors of slides": {f"{SLIDES}/donor": backwards},
    "slides": {"obs/slide/codes": backwards},
    "names": {"obs/_index": swapped},
    "barcodes": {"obs/barcode": swapped},
    "places": {
        "obs/x": more,
        "obs/x_um": lambda values: values + 0.5,
        "obsm/spatial": lambda values: values + np.array([1, 0]),
    },
    "places for other tools": {"obsm/spatial": more},
    "places in micrometers": {"obs/y_um": more},
    "pixel sizes": {f"{SLIDES}/mpp": more},
    "their sources": {f"{SLIDES}/mpp_source": lambda values: ["stated"] * len(values)},
    "pictures": {"obsm/thumbnail": lambda values: 255 - values},
    "genes": {"var/_index": swapped},
    "what was measured": {"varm/measured": backwards},
    "embeddings": {"obsm/X_color": lambda values: values * np.float32(1.001)},
    "encoder": {f"uns/{keys.RECORD}/encoder/source": lambda value: "elsewhere"},
    "scale": {f"uns/{keys.RECORD}/scale": lambda value: "log1p"},
    "origin": {f"uns/{keys.RECORD}/origin/spatialrag": lambda value: "9"},
}


@pytest.mark.parametrize("name", EDITS)
def test_verify_sees_every_edit(small_store, tmp_path, name):
    path = shutil.copytree(small_store, tmp_path / "bank.zarr")
    verify_bank(path)
    group = zarr.open_group(path, mode="r+")
    for array, change in EDITS[name].items():
        group[array][...] = change(group[array][...])
    with pytest.raises(InputError, match="not what was written|damaged or was edited"):
        verify_bank(path)


def test_banks_that_anndata_wrote_again_verify(small_store, tmp_path):
    """In Zarr v2, too: what counts is content, not files."""
    with pytest.warns(UserWarning, match="zarr v2"):
        ad.read_zarr(small_store).write_zarr(tmp_path / "again.zarr")
    assert (tmp_path / "again.zarr" / ".zattrs").exists()
    assert verify_bank(tmp_path / "again.zarr").n_references == 12


def test_a_reference_of_another_donor_than_its_slide_is_seen_on_opening(small_store, tmp_path):
    path = shutil.copytree(small_store, tmp_path / "bank.zarr")
    codes = zarr.open_group(path, mode="r+")["obs/donor/codes"]
    codes[0] = 1 - codes[0]
    with pytest.raises(BankError, match=r"1 references have another donor.*first s1:0x1"):
        read_bank(path)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(choice=st.randoms(use_true_random=False))
def test_a_damaged_file_changes_nothing_or_is_told(
    small_bank, small_store, tmp_path_factory, choice
):
    """A flipped bit, a file cut short, emptied or lost, anywhere in the store."""
    path = shutil.copytree(small_store, tmp_path_factory.mktemp("damaged") / "bank.zarr")
    files = sorted(file for file in path.rglob("*") if file.is_file())
    file = choice.choice(
        [file for file in files if file.name != "zarr.json"] + [path / "zarr.json"]
    )
    content = bytearray(file.read_bytes())
    kind = choice.choice(["flip", "cut", "lose"])
    if kind == "flip":
        content[choice.randrange(len(content))] ^= 1 << choice.randrange(8)
    file.write_bytes(content[: choice.randrange(len(content))] if kind == "cut" else content)
    if kind == "lose":
        file.unlink()
    try:
        found = verify_bank(path)
    except InputError:
        return
    assert found.references.equals(small_bank.references)
    assert found.slides.equals(small_bank.slides)
    assert (found.expression != small_bank.expression).nnz == 0
    np.testing.assert_array_equal(found.embeddings, small_bank.embeddings)
    np.testing.assert_array_equal(found.measured, small_bank.measured)


def test_of_two_changes_at_a_time_none_is_lost(make_section, small_store, tmp_path):
    path = shutil.copytree(small_store, tmp_path / "bank.zarr")
    update_bank(path, lambda bank: bank.without(slides=["s2"]))
    parts = {name: make_section(name, "d3", "ABC", 7) for name in ("s3", "s4", "s5")}

    def add(part):
        def change(bank):
            time.sleep(0.1)  # long enough for the others to have read, if they could
            return join_banks([bank, part])

        update_bank(path, change)

    workers = [threading.Thread(target=add, args=(part,)) for part in parts.values()]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert set(verify_bank(path).slides.index) == {"s1", *parts}


@pytest.fixture
def former(tmp_path):
    """Banks that the first release wrote: schema 1."""
    with zipfile.ZipFile(FIRST_RELEASE) as archive:
        archive.extractall(tmp_path / "former")
    return tmp_path / "former"


def test_banks_of_the_first_release_open_and_verify(former):
    bank = verify_bank(former / "bank.zarr")
    # As the first release printed it.
    assert bank.fingerprint == "1c0fa2470275fa79e393437bc87809d31c7e92e5c952b571645b75704139b5b7"
    assert bank.slides["donor"].tolist() == ["d1", "d2"]
    array = zarr.open_group(former / "bank.zarr", mode="r+")["obsm/X_color"]
    array[0, 0] = array[0, 0] + 1
    with pytest.raises(InputError, match="slide 's1' is not what was written"):
        verify_bank(former / "bank.zarr")


def test_banks_of_the_first_release_can_be_changed(former):
    """Slides keep the hashes they came with, so that nothing is vouched for that was not seen."""
    path = former / "bank.zarr"
    before = read_bank(path)
    first, second = before.select(["s1"]), before.select(["s2"])
    update_bank(path, lambda bank: bank.without(slides=["s2"]))
    joined = update_bank(path, lambda bank: join_banks([bank, second]))
    assert verify_bank(path).fingerprint == joined.fingerprint == before.fingerprint
    assert joined.slides["hash"]["s1"] == first.slides["hash"]["s1"]


def test_describe_is_plain(toy_bank):
    facts = describe(toy_bank)
    assert facts["references"] == 224
    assert [row["spots"] for row in facts["slides"]] == [56] * 4
    assert facts["format"] == "AnnData, Zarr v3"


@pytest.mark.realdata
@pytest.mark.slow
def test_bank_of_all_her2st_sections(data, tmp_path):
    bank = build_bank(read_her2st_cohort(data / "her2st"), thumbnail_px=0)
    verified = verify_bank(write_bank(bank, tmp_path / "bank.zarr"))
    assert verified.n_references == 13_620
    assert len(verified.genes) == 18_758
    assert verified.measured_everywhere.sum() == 11_871
    assert verified.empty.sum() == 1
