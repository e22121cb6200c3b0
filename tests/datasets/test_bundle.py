import hashlib
import json
import zipfile

import pytest

from spatialrag import open_bank, write_bank
from spatialrag.datasets.bundle import export_bank
from spatialrag.datasets.manifest import read_manifest
from spatialrag.errors import BankError, InputError


@pytest.fixture
def path(toy_bank, tmp_path):
    return write_bank(toy_bank, tmp_path / "bank.zarr")


def test_bundle_holds_the_bank_its_card_and_checksums(path, toy_bank, tmp_path):
    cohort = read_manifest()["hest-lung"]
    out = export_bank(path, tmp_path / "share.zip", cohort=cohort)
    with zipfile.ZipFile(out) as archive:
        card = archive.read("DATA_CARD.md").decode()
        checksums = json.loads(archive.read("checksums.json"))
        for name, checksum in checksums.items():
            assert hashlib.sha256(archive.read(name)).hexdigest() == checksum
        archive.extractall(tmp_path / "there")
    assert cohort.licence in card
    assert cohort.citation in card
    assert toy_bank.fingerprint in card
    assert "| toy2 |" in card
    assert open_bank(tmp_path / "there" / "bank.zarr").fingerprint == toy_bank.fingerprint


def test_bad_requests(path, tmp_path):
    cohort = read_manifest()["hest-lung"]
    with pytest.raises(InputError, match="ends in .zip"):
        export_bank(path, tmp_path / "share.tar", cohort=cohort)
    (tmp_path / "there.zip").write_text("x")
    with pytest.raises(InputError, match="exists"):
        export_bank(path, tmp_path / "there.zip", cohort=cohort)
    with pytest.raises(BankError, match="does not exist"):
        export_bank(tmp_path / "none.zarr", tmp_path / "new.zip", cohort=cohort)
    assert not (tmp_path / "new.zip").exists()
