import shutil
import zipfile

import pytest


@pytest.fixture
def bank(run, toy_table, work):
    path = work / "small.zarr"
    if not path.exists():
        assert run("bank", "build", path, "--slides", toy_table, "--sections", "toy1")[0] == 0
    return path


def test_a_bundle_goes_out_and_comes_in(run, bank, tmp_path):
    bundle, there = tmp_path / "share.zip", tmp_path / "there.zarr"
    code, out, err = run("datasets", "export", "hest-lung", bank, bundle)
    assert code == 0, err
    code, out, err = run("datasets", "import", bundle, there)
    assert code == 0, err
    assert "56 references" in out
    assert "verified" in run("bank", "verify", there)[1]
    code, _, err = run("datasets", "import", bundle, there)
    assert code == 2
    assert "exists" in err
    assert run("datasets", "import", bundle, there, "--overwrite")[0] == 0


def test_a_bundle_that_is_none(run, tmp_path):
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("../x", "x")
    code, _, err = run("datasets", "import", tmp_path / "other.zip", tmp_path / "new.zarr")
    assert code == 2
    assert "not a bundle of a bank" in err


def test_a_hostile_manifest_runs_nothing(run, tmp_path):
    """As in the first review: a repository that is an option of git, a name that leads out."""
    text = """
schema = 1
[[cohort]]
name = "{name}"
title = "t"
organ = "o"
species = "s"
licence = "l"
citation = "c"
[[cohort.source]]
kind = "git"
repository = "{repository}"
"""
    for name, repository in (
        ("mine", f"--upload-pack=touch {tmp_path}/ran;"),
        ("../../out", "https://example.org/x.git"),
    ):
        (tmp_path / "m.toml").write_text(text.format(name=name, repository=repository))
        arguments = ["--manifest", tmp_path / "m.toml", "--to", tmp_path / "deep" / "to"]
        code, _, err = run("datasets", "fetch", name, *arguments)
        assert code == 2
        assert "the manifest: 1 fault" in err
    assert [path.name for path in tmp_path.iterdir()] == ["m.toml"]


def test_removing_through_a_link_changes_the_bank_itself(run, bank, toy_table, tmp_path):
    path = shutil.copytree(bank, tmp_path / "bank.zarr")
    arguments = ["--slides", toy_table, "--sections", "toy2"]
    assert run("bank", "add", path, *arguments)[0] == 0
    (tmp_path / "link.zarr").symlink_to(path)
    code, out, err = run("bank", "remove", tmp_path / "link.zarr", "--slide", "toy2")
    assert code == 0, err
    assert "may remain in embedding caches" in out.replace("\n", " ")
    assert (tmp_path / "link.zarr").is_symlink()
    assert "toy2" not in run("bank", "info", path)[1]
