import shutil
import signal
import subprocess
import sys
import textwrap

import pytest
import zarr

from spatialrag import keys
from spatialrag.bank import zarr_store
from spatialrag.bank.store import SCHEMA, open_bank, to_anndata, verify_bank, write_bank
from spatialrag.bank.zarr_store import StoreKind, read_store, write_store
from spatialrag.errors import BankError, InputError


@pytest.fixture
def path(toy_bank, tmp_path):
    return write_bank(toy_bank, tmp_path / "bank.zarr")


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
        "data": "zarr_store._synchronize = lambda folder: os.kill(os.getpid(), 9)",
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
        "import os\nfrom spatialrag.bank import store, zarr_store\n"
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

    monkeypatch.setattr(zarr_store, "_synchronize", broken)
    with pytest.raises(OSError, match="disk full"):
        write_bank(toy_bank, tmp_path / "bank.zarr")
    assert list(tmp_path.iterdir()) == []


def test_newer_schema(path):
    zarr.open_group(path, mode="r+")[f"uns/{keys.RECORD}/schema"][...] = SCHEMA + 1
    with pytest.raises(BankError, match=r"(?s)newer spatialrag.*upgrade"):
        open_bank(path)


def test_truncated(path):
    shutil.rmtree(path / "X" / "data" / "c")
    with pytest.raises(BankError, match="damaged"):
        open_bank(path)


def test_not_a_bank(tmp_path):
    with pytest.raises(BankError, match="does not exist"):
        open_bank(tmp_path / "no.zarr")
    zarr.open_group(tmp_path / "other.zarr", mode="w")
    with pytest.raises(BankError, match="not a spatialrag bank"):
        open_bank(tmp_path / "other.zarr")


def test_another_kind_of_store_is_neither_read_nor_replaced(path, toy_bank):
    other = StoreKind("single-cell bank", 1, "spatialrag cells build")
    with pytest.raises(BankError, match=r"(?s)not a single-cell bank.*cells build.*'bank'"):
        read_store(path, other)
    with pytest.raises(BankError, match="not a single-cell bank"):
        write_store(to_anndata(toy_bank), path, other, overwrite=True)
    verify_bank(path)
