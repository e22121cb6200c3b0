import os
import subprocess
import sys
from pathlib import Path

import pytest

from spatialrag.asides import NEW, OLD, asides_of, beside, discard, is_running, new_aside, resolve
from spatialrag.errors import InputError


def test_siblings_are_hidden_and_found_again(tmp_path):
    path = tmp_path / "bank.zarr"
    mine, other = new_aside(path, NEW), new_aside(path, OLD)
    assert mine != new_aside(path, NEW)
    for aside in (mine, other):
        assert aside.name.startswith(".bank.zarr.")
        aside.mkdir()
    (tmp_path / ".bank.zarr.copy.0123abcd-1-0123abcd.new").mkdir()  # of bank.zarr.copy
    (tmp_path / ".bank.zarr.notes").mkdir()
    found = {aside.path: (aside.kind, aside.abandoned) for aside in asides_of(path)}
    assert found == {mine: ("new", False), other: ("old", False)}
    assert asides_of(tmp_path / "none" / "bank.zarr") == []


def test_what_a_dead_process_left_is_abandoned(tmp_path):
    path = tmp_path / "a.json"
    code = "import sys; from spatialrag.asides import new_aside; from pathlib import Path\n"
    code += "new_aside(Path(sys.argv[1]), 'new', '.json').touch()"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    (tmp_path / ".a.json.00000000-1-0123abcd.new").touch()  # of another machine
    assert sorted(aside.abandoned for aside in asides_of(path)) == [False, True]


def test_long_names_are_shortened(tmp_path):
    path = tmp_path / ("x" * 250)
    assert len(new_aside(path, NEW, ".txt").name) < 120
    assert len(new_aside(tmp_path / "a", NEW, "." + "x" * 200).name) < 120
    assert beside(path, ".lock") != beside(tmp_path / ("x" * 251), ".lock")


def test_a_folder_moved_away_is_renamed_before_it_is_removed(tmp_path, monkeypatch):
    old = new_aside(tmp_path / "store", OLD)
    old.mkdir()
    monkeypatch.setattr("shutil.rmtree", lambda path, ignore_errors: None)  # killed here
    discard(old)
    assert [aside.kind for aside in asides_of(tmp_path / "store")] == ["trash"]


def test_paths_that_are_none(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path / "loop", "a\0b"):
        with pytest.raises(InputError, match="is not a path"):
            resolve(path)
    with pytest.raises(InputError, match="the root of a disk"):
        beside(Path("/"), ".lock")


def test_running_processes():
    assert is_running(os.getpid())
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not is_running(ended.pid)
    assert is_running(1 << 80)
