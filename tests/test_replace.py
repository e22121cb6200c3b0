import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from spatialrag import replace
from spatialrag.errors import InputError
from spatialrag.replace import (
    recover_folder,
    replace_file,
    replace_folder,
    replace_text,
    scratch_folder,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def half_a_file(path):
    path.write_text("half")
    raise KeyError("a fault of the writer")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "a.json"
    replace_text(path, "first é")
    path.chmod(0o640)
    with pytest.raises(KeyError), replace_file(path) as aside:
        half_a_file(aside)
    assert path.read_text(encoding="utf-8") == "first é"
    replace_text(path, "second \ud800")
    assert path.read_text() == "second \\ud800"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert names(path.parent) == ["a.json"]


def test_the_new_file_has_the_suffix(tmp_path):
    """Writers choose compression and format by it."""
    with replace_file(tmp_path / "a.csv.gz") as aside:
        assert aside.suffix == ".gz"
        aside.write_text("x")


def test_links_are_followed(tmp_path):
    (tmp_path / "there").mkdir()
    target = tmp_path / "there" / "a.txt"
    target.write_text("old")
    (tmp_path / "link.txt").symlink_to(target)
    replace_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert target.read_text() == "new"


def test_what_the_system_refuses_is_told(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    for path, message in (
        ("folder", "(?s)cannot be written.*a folder of this name"),
        ("pipe", "(?s)cannot be written.*a device or pipe"),
        ("file/a.txt", "cannot be written"),
        ("a\0b", "is not a path"),
        ("x" * 300, "(?s)cannot be written.*too long"),
    ):
        with pytest.raises(InputError, match=message):
            replace_text(tmp_path / path, "text")

    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(replace, "_flush", full)
    with pytest.raises(InputError, match="(?s)cannot be written.*No space left.*make room"):
        replace_text(tmp_path / "file", "text")
    assert (tmp_path / "file").read_text() == "x"
    assert names(tmp_path) == ["file", "folder", "pipe"]


def test_what_a_killed_writer_left_is_removed_and_what_a_live_one_writes_is_not(tmp_path):
    path = tmp_path / "a.json"
    code = (
        "import os, sys; from spatialrag.replace import replace_file\n"
        "with replace_file(sys.argv[1]) as aside:\n"
        "    aside.write_text('half')\n"
        "    os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert len(names(tmp_path)) == 1
    with replace_file(path) as mine:
        mine.write_text("slow")
        replace_text(path, "quick")
        assert mine.exists()
    assert path.read_text() == "slow"
    assert names(tmp_path) == ["a.json"]


def test_long_names(tmp_path):
    path = tmp_path / ("é" * 120 + ".txt")  # 244 bytes
    replace_text(path, "x")
    assert path.read_text() == "x"


def half_written(folder):
    folder.mkdir()
    (folder / "a").write_text("half")
    raise KeyError("a fault of the writer")


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "store"
    for text in ("first", "second"):
        with replace_folder(path) as aside:
            (aside / "deep").mkdir(parents=True)
            (aside / "deep" / "a").write_text(text)
        assert (path / "deep" / "a").read_text() == text
    with pytest.raises(KeyError), replace_folder(path) as aside:
        half_written(aside)
    assert (path / "deep" / "a").read_text() == "second"
    assert names(tmp_path) == ["store"]


def test_a_failed_second_rename_puts_the_old_folder_back(tmp_path, monkeypatch):
    path = tmp_path / "store"
    path.mkdir()
    rename = Path.rename

    def refused(self, target):
        if self.name.endswith(".new"):
            raise OSError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(InputError, match="Permission denied"), replace_folder(path) as aside:
        aside.mkdir()
    assert names(tmp_path) == ["store"]


def test_a_folder_moved_aside_is_put_back(tmp_path):
    old = tmp_path / ".store.0123abcd-77-0123abcd.old"
    old.mkdir()
    (old / "a").write_text("whole")
    (tmp_path / ".store.0123abcd-77-0123abcd.trash").mkdir()
    recover_folder(tmp_path / "store")
    assert (tmp_path / "store" / "a").read_text() == "whole"


def test_a_scratch_folder_is_of_its_writer_alone(tmp_path):
    """Also while another one, who holds the lock, writes the place beside which it lies."""
    path = tmp_path / "store"
    with scratch_folder(path) as folder:
        (folder / "a").write_text("x")
        with replace_folder(path) as aside:
            aside.mkdir()
        assert (folder / "a").exists()
    assert names(tmp_path) == ["store"]
