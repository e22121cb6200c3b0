import shutil
import signal
import subprocess
import sys
import textwrap

import anndata as ad
import numpy as np
import pytest
import zarr

from spatialrag import keys
from spatialrag.bank import store
from spatialrag.bank.build import build_bank
from spatialrag.bank.store import describe, open_bank, verify_bank, write_bank
from spatialrag.errors import BankError, InputError
from spatialrag.expression.cohort import read_her2st_cohort


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


def test_existing_bank_is_kept_unless_asked(path, references):
    with pytest.raises(InputError, match="exists"):
        write_bank(references, path)
    write_bank(references, path, overwrite=True)
    assert open_bank(path).fingerprint == references.fingerprint
    other = path.parent / "notes"
    other.mkdir()
    with pytest.raises(BankError, match="not a spatialrag bank"):
        write_bank(references, other, overwrite=True)


@pytest.mark.parametrize("moment", ["data", "between renames"])
def test_process_killed_while_writing(path, toy_bank, moment):
    """The old bank still opens and verifies."""
    kill = {
        "data": "store._synchronize = lambda folder: os.kill(os.getpid(), 9)",
        "between renames": textwrap.dedent(
            """
            from pathlib import Path
            rename, calls = Path.rename, []
            def killing(self, target):
                calls.append(target)
                if len(calls) == 2:
                    os.kill(os.getpid(), 9)
                return rename(self, target)
            Path.rename = killing
            """
        ),
    }[moment]
    code = (
        "import os\nfrom spatialrag.bank import store\n"
        f"bank = store.open_bank({str(path)!r}).without(slides=['toy1'])\n{kill}\n"
        f"store.write_bank(bank, {str(path)!r}, overwrite=True)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    assert verify_bank(path).fingerprint == toy_bank.fingerprint
    write_bank(toy_bank.without(slides=["toy1"]), path, overwrite=True)
    assert [file.name for file in path.parent.iterdir()] == ["bank.zarr"]


def test_failure_while_writing_leaves_nothing(toy_bank, tmp_path, monkeypatch):
    def broken(folder):
        raise OSError("disk full")

    monkeypatch.setattr(store, "_synchronize", broken)
    with pytest.raises(OSError, match="disk full"):
        write_bank(toy_bank, tmp_path / "bank.zarr")
    assert list(tmp_path.iterdir()) == []


def test_newer_schema(path):
    zarr.open_group(path, mode="r+")[f"uns/{keys.RECORD}/schema"][...] = store.SCHEMA + 1
    with pytest.raises(BankError, match=r"(?s)newer spatialrag.*upgrade"):
        open_bank(path)


def test_truncated(path):
    shutil.rmtree(path / "X" / "data" / "c")
    with pytest.raises(BankError, match="damaged"):
        open_bank(path)


def test_edited_expression_is_seen_on_opening(path):
    array = zarr.open_group(path, mode="r+")["X/data"]
    array[0] = array[0] + 1
    with pytest.raises(BankError, match="depths of 1 references"):
        open_bank(path)


def test_edited_embeddings_are_seen_by_verify(path):
    array = zarr.open_group(path, mode="r+")["obsm/X_color"]
    array[0, 0] = array[0, 0] + 1
    open_bank(path)
    with pytest.raises(InputError, match="slide 'toy1' is not what was written"):
        verify_bank(path)


def test_not_a_bank(tmp_path):
    with pytest.raises(BankError, match="does not exist"):
        open_bank(tmp_path / "no.zarr")
    zarr.open_group(tmp_path / "other.zarr", mode="w")
    with pytest.raises(BankError, match="not a spatialrag bank"):
        open_bank(tmp_path / "other.zarr")


def test_describe_is_plain(toy_bank):
    facts = describe(toy_bank)
    assert facts["references"] == 224
    assert [row["spots"] for row in facts["slides"]] == [56] * 4


@pytest.mark.realdata
@pytest.mark.slow
def test_bank_of_all_her2st_sections(data, tmp_path):
    bank = build_bank(read_her2st_cohort(data / "her2st"), thumbnail_px=0)
    verified = verify_bank(write_bank(bank, tmp_path / "bank.zarr"))
    assert verified.n_references == 13_620
    assert len(verified.genes) == 18_758
    assert verified.measured_everywhere.sum() == 11_871
    assert verified.empty.sum() == 1
