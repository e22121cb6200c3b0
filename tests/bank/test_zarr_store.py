import json
import shutil
import signal
import subprocess
import sys
import textwrap
import warnings

import anndata as ad
import pytest
import zarr

from spatialrag import keys, replace
from spatialrag.bank import zarr_store
from spatialrag.bank.store import (
    SCHEMA,
    read_bank,
    to_anndata,
    update_bank,
    verify_bank,
    write_bank,
)
from spatialrag.bank.zarr_store import StoreKind, read_store, read_whole, write_store
from spatialrag.errors import BankError, InputError


@pytest.fixture
def bank(small_bank):
    return small_bank


@pytest.fixture
def path(small_store, tmp_path):
    return shutil.copytree(small_store, tmp_path / "bank.zarr")


@pytest.fixture
def references(bank):
    return bank.without(slides=["s2"])


def test_existing_bank_is_kept_unless_asked(path, references):
    with pytest.raises(InputError, match="exists"):
        write_bank(references, path)
    write_bank(references, path, overwrite=True)
    assert read_bank(path).fingerprint == references.fingerprint
    other = path.parent / "notes"
    other.mkdir()
    with pytest.raises(BankError, match="not a spatialrag bank"):
        write_bank(references, other, overwrite=True)


@pytest.mark.parametrize("moment", ["data", "between renames"])
def test_process_killed_while_writing(path, bank, moment):
    """The old bank still opens and verifies."""
    kill = {
        "data": "replace._flush = lambda file: os.kill(os.getpid(), 9)",
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
        "import os\nfrom spatialrag import replace\nfrom spatialrag.bank import store\n"
        f"bank = store.read_bank({str(path)!r}).without(slides=['s1'])\n{kill}\n"
        f"store.write_bank(bank, {str(path)!r}, overwrite=True)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    assert verify_bank(path).fingerprint == bank.fingerprint
    write_bank(bank.without(slides=["s1"]), path, overwrite=True)
    assert [file.name for file in path.parent.iterdir()] == ["bank.zarr"]


def test_failure_while_writing_leaves_nothing(bank, tmp_path, monkeypatch):
    def broken(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(replace, "_flush", broken)
    with pytest.raises(InputError, match=r"(?s)cannot be written.*No space left.*make room"):
        write_bank(bank, tmp_path / "bank.zarr")
    assert list(tmp_path.iterdir()) == []


def test_a_link_names_its_bank(path, bank, tmp_path):
    """Changing a bank through a link changes the bank, and the link stays one."""
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.zarr"
    link.symlink_to(path)
    donor = bank.slides["donor"].iloc[0]
    update_bank(link, lambda bank: bank.without(donors=[donor]))
    assert link.is_symlink()
    assert donor not in set(read_bank(path).slides["donor"])
    assert [file.name for file in link.parent.iterdir()] == ["link.zarr"]
    loop = tmp_path / "loop.zarr"
    loop.symlink_to(loop)
    with pytest.raises(InputError, match="is not a path"):
        read_bank(loop)


def test_reading_starts_again_when_the_bank_is_replaced(path, bank, references, monkeypatch):
    """What is read while a writer switches generations is dropped, wrong or failed alike."""
    read, seen = ad.read_zarr, []

    def replaced(place):
        seen.append(place)
        found = read(place)
        if len(seen) == 1:
            write_bank(references, path, overwrite=True)
        if len(seen) == 2:
            write_bank(bank, path, overwrite=True)
            raise KeyError("a chunk is gone")
        return found

    monkeypatch.setattr(ad, "read_zarr", replaced)
    assert read_bank(path).fingerprint == bank.fingerprint
    assert len(seen) == 3


def test_reading_ends_even_if_the_bank_is_replaced_all_the_time(path, references, monkeypatch):
    monkeypatch.setattr(zarr_store, "_TRIES", 3)
    seen = []

    def read():
        seen.append(len(seen))
        if len(seen) <= 3:  # the fourth one is read with writers locked out
            write_bank(references, path, overwrite=True)
        return len(seen)

    assert read_whole(path.resolve(), read) == 4


def test_reading_sees_a_switch_that_was_interrupted_and_undone(path):
    """The same generation is back in its place, but not all of it was there all the time."""
    aside, seen = path.with_name(".bank.zarr.old"), []

    def read():
        seen.append(path.exists())
        if len(seen) == 1:
            path.rename(aside)
            aside.rename(path)
        return len(seen)

    assert read_whole(path.resolve(), read) == 2


def test_what_killed_writers_left(path, bank, references):
    """Also under the names of the first release: the old store is put back, the rest removed."""
    shutil.copytree(path, path.with_name(".bank.zarr.new"))
    path.rename(path.with_name(".bank.zarr.old"))
    assert read_bank(path).fingerprint == bank.fingerprint
    half = path.with_name(".bank.zarr.00000000-1-00000000.new")
    half.mkdir()
    other = path.with_name(".bank.zarr.copy.zarr.00000000-1-00000000.new")
    other.mkdir()
    write_bank(references, path, overwrite=True)
    assert sorted(file.name for file in path.parent.iterdir()) == [other.name, "bank.zarr"]


def test_a_failed_change_leaves_the_bank(path, bank):
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    with pytest.raises(InputError, match="not in the bank"):
        update_bank(path, lambda bank: bank.without(slides=["no"]))
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before
    assert [file.name for file in path.parent.iterdir()] == ["bank.zarr"]
    with pytest.raises(BankError, match="does not exist"):
        update_bank(path.with_name("new") / "no.zarr", lambda bank: bank)
    assert not path.with_name("new").exists()


def test_metadata_are_consolidated(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        adata = ad.read_zarr(path)
    root = json.loads((path / "zarr.json").read_text())
    assert root["zarr_format"] == 3
    assert "X/data" in root["consolidated_metadata"]["metadata"]
    assert adata.n_obs == 12


@pytest.mark.parametrize("name", [".zarray", ".zmetadata"])
def test_pickled_arrays_are_refused(path, name, monkeypatch):
    """Zarr v2 knows a codec that runs code; numcodecs can be told to allow it."""
    content = {"metadata": {"obs/donor/.zarray": {"filters": [{"id": "pickle"}]}}}
    (path / name).write_text(json.dumps(content).replace("pickle", "pickl\\u0065"))
    with pytest.raises(BankError, match=r"(?s)not a spatialrag bank.*could run code"):
        read_bank(path)


def test_newer_schema(path, bank):
    zarr.open_group(path, mode="r+")[f"uns/{keys.RECORD}/schema"][...] = SCHEMA + 1
    with pytest.raises(BankError, match=r"(?s)newer spatialrag.*upgrade"):
        read_bank(path)
    adata = to_anndata(bank)
    adata.uns[keys.RECORD]["schema"] = "two"
    write_store(adata, path, StoreKind("bank", 1, ""), overwrite=True)
    with pytest.raises(BankError, match="a schema that is no number"):
        read_bank(path)


def test_truncated(path):
    shutil.rmtree(path / "X" / "data" / "c")
    with pytest.raises(BankError, match="damaged"):
        read_bank(path)


def test_not_a_bank(tmp_path):
    with pytest.raises(BankError, match="does not exist"):
        read_bank(tmp_path / "no.zarr")
    zarr.open_group(tmp_path / "other.zarr", mode="w")
    with pytest.raises(BankError, match="not a spatialrag bank"):
        read_bank(tmp_path / "other.zarr")


def test_another_kind_of_store_is_neither_read_nor_replaced(path, bank):
    other = StoreKind("single-cell bank", 1, "spatialrag cells build")
    with pytest.raises(BankError, match=r"(?s)not a single-cell bank.*cells build.*'bank'"):
        read_store(path, other)
    with pytest.raises(BankError, match="not a single-cell bank"):
        write_store(to_anndata(bank), path, other, overwrite=True)
    verify_bank(path)
