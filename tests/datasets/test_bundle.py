import hashlib
import json
import shutil
import stat
import zipfile

import pytest

from spatialrag import read_bank, write_bank
from spatialrag.datasets.bundle import export_bank, import_bank
from spatialrag.datasets.manifest import read_manifest
from spatialrag.errors import BankError, InputError


@pytest.fixture(scope="module")
def written(toy_bank, tmp_path_factory):
    return write_bank(toy_bank, tmp_path_factory.mktemp("written") / "bank.zarr")


@pytest.fixture
def path(written, tmp_path):
    return shutil.copytree(written, tmp_path / "bank.zarr")


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
    assert read_bank(tmp_path / "there" / "bank.zarr").fingerprint == toy_bank.fingerprint


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


@pytest.fixture(scope="module")
def exported(written, tmp_path_factory):
    out = tmp_path_factory.mktemp("exported") / "share.zip"
    return export_bank(written, out, cohort=read_manifest()["hest-lung"])


@pytest.fixture
def bundle(exported, tmp_path):
    return shutil.copy(exported, tmp_path / "share.zip")


def test_nothing_but_the_bank_is_exported(path, tmp_path):
    """A link, a note and a hidden file in the bank's folder stay at home."""
    (tmp_path / "secret.txt").write_text("secret")
    (path / "X" / "link").symlink_to(tmp_path / "secret.txt")
    (path / "folder").symlink_to(tmp_path)
    (path / "notes.txt").write_text("secret")
    (path / ".DS_Store").write_text("secret")
    out = export_bank(path, tmp_path / "share.zip", cohort=read_manifest()["hest-lung"])
    with zipfile.ZipFile(out) as archive:
        assert all(b"secret" not in archive.read(name) for name in archive.namelist())
        assert all(stat.S_ISREG(info.external_attr >> 16) for info in archive.infolist()[2:])


def test_what_was_exported_is_imported(bundle, toy_bank, tmp_path):
    made = import_bank(bundle, tmp_path / "there.zarr")
    assert made.fingerprint == read_bank(tmp_path / "there.zarr").fingerprint
    assert made.fingerprint == toy_bank.fingerprint
    with pytest.raises(InputError, match="exists"):
        import_bank(bundle, tmp_path / "there.zarr")
    left = sorted(entry.name for entry in tmp_path.iterdir())
    assert left == ["share.zip", "there.zarr"]


def changed(bundle, out, change):
    """Copy a bundle while ``change`` gives back what each member becomes: (info, content) pairs."""
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            for made, content in change(info, old.read(info)):
                new.writestr(made, content)
    return out


def entry(name, mode=0o100644, compressed=zipfile.ZIP_STORED):
    info = zipfile.ZipInfo(name)
    info.external_attr, info.compress_type = mode << 16, compressed
    return info


def listed(name):
    """Return a change that adds a member, with its checksum."""

    def change(info, content):
        if info.filename != "checksums.json":
            return [(info, content)]
        sums = json.loads(content) | {
            getattr(name, "filename", name): hashlib.sha256(b"x").hexdigest()
        }
        return [(info, json.dumps(sums)), (name, b"x")]

    return change


def edited(info, content):
    return [(info, content[:-1] + b"?" if info.filename.endswith("zarr.json") else content)]


ATTACKS = {
    "leads out": (listed("../x"), "'../x' is no path within the bank"),
    "leads out within": (listed("bank.zarr/../../x"), "no path within the bank"),
    "absolute": (listed("/tmp/x"), "no path within the bank"),
    "backslashes": (listed("bank.zarr\\..\\x"), "no path within the bank"),
    "hidden": (listed("bank.zarr/.git/hooks/x"), "no path within the bank"),
    "link": (listed(entry("bank.zarr/x", 0o120777)), "a folder, link or device"),
    "device": (listed(entry("bank.zarr/x", 0o060666)), "a folder, link or device"),
    "folder": (listed("bank.zarr/x/"), "a folder, link or device"),
    "compressed": (
        lambda info, content: [(entry(info.filename, compressed=zipfile.ZIP_DEFLATED), content)],
        "not a bundle of a bank",
    ),
    "bomb": (listed(entry("bank.zarr/x", compressed=zipfile.ZIP_DEFLATED)), "is compressed"),
    "unlisted": (
        lambda info, content: [(info, content), (f"bank.zarr/x{info.file_size}", b"x")],
        "has no checksum",
    ),
    "missing": (
        lambda info, content: [] if info.filename == "bank.zarr/zarr.json" else [(info, content)],
        "'bank.zarr/zarr.json' is not in the bundle",
    ),
    "edited": (edited, "not what was exported"),
    "no checksums": (
        lambda info, content: [] if info.filename == "checksums.json" else [(info, content)],
        "no checksums.json",
    ),
    "odd checksums": (
        lambda info, content: [(info, b"[1]" if info.filename == "checksums.json" else content)],
        "not a bundle of a bank",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_hostile_bundles(bundle, tmp_path, name):
    change, message = ATTACKS[name]
    folder = tmp_path / "deep" / "deeper"
    folder.mkdir(parents=True)
    hostile = changed(bundle, folder / "hostile.zip", change)
    with pytest.raises(InputError, match=message):
        import_bank(hostile, folder / "new.zarr")
    assert [entry.name for entry in folder.iterdir()] == ["hostile.zip"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["deep", "share.zip"]


def test_other_files_are_no_bundles(bundle, tmp_path):
    cut = tmp_path / "cut.zip"
    cut.write_bytes(bundle.read_bytes()[:-300])
    for bad in (cut, tmp_path / "text.zip"):
        bad.exists() or bad.write_text("text")
        with pytest.raises(InputError, match="not a bundle of a bank"):
            import_bank(bad, tmp_path / "new.zarr")
    with pytest.raises(InputError, match="does not exist"):
        import_bank(tmp_path / "none.zip", tmp_path / "new.zarr")
    assert not (tmp_path / "new.zarr").exists()
