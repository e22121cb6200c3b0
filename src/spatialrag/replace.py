"""Files and folders replaced whole: written beside their place, then moved there in one step.

A reader finds the old content or the new, never half of either. What a killed writer left beside
the place is removed by the next writer of the same place.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spatialrag.asides import NEW, OLD, SCRATCH, TRASH, asides_of, discard, new_aside, resolve
from spatialrag.outputs import check_place, writing


@contextmanager
def replace_file(path: str | Path) -> Iterator[Path]:
    """Yield the path of a new file, which replaces ``path`` when the block ends well.

    Links are followed: what a link names is replaced, not the link. Permissions of an existing
    file are kept.

    Parameters
    ----------
    path
        The file; its folder is made where it is missing.

    Raises
    ------
    InputError
        It cannot be written (a full disk, no permission, a folder in its place). The previous file
        is whole, and nothing else is left.
    """
    path = resolve(path)
    with writing(path):
        check_place(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear(path)
        aside = new_aside(path, NEW, path.suffix)
    try:
        with writing(path):
            yield aside
            _flush(aside)
            if path.exists():
                shutil.copymode(path, aside)
            aside.replace(path)
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def replace_text(path: str | Path, text: str) -> None:
    """Replace a text file, UTF-8.

    Raises
    ------
    InputError
        As `replace_file`.
    """
    with replace_file(path) as aside:
        aside.write_text(text, encoding="utf-8", errors="backslashreplace")


@contextmanager
def replace_folder(path: str | Path) -> Iterator[Path]:
    """Yield the path of a new folder, which replaces ``path`` when the block ends well.

    A folder cannot be replaced by one rename: the old one is moved aside, the new one put in its
    place, the old one removed. Between the two renames `recover_folder` finds the old one. Two
    writers of one folder must exclude each other (`spatialrag.locks.locked`).

    Raises
    ------
    InputError
        As `replace_file`.
    """
    path = _place(path)
    with writing(path):
        recover_folder(path)
        _clear(path, locked=True)
    aside, old = new_aside(path, NEW), new_aside(path, OLD)
    try:
        with writing(path):
            yield aside
            for file in [aside, *aside.rglob("*")]:
                _flush(file)
            if path.exists():
                path.rename(old)
            aside.rename(path)
            _flush(path.parent)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        recover_folder(path)
        raise
    discard(old)


@contextmanager
def scratch_folder(path: str | Path) -> Iterator[Path]:
    """Yield a new folder beside ``path``, on the same disk, that is removed afterwards.

    Raises
    ------
    InputError
        As `replace_file`.
    """
    path = _place(path)
    with writing(path):
        _clear(path)
        folder = new_aside(path, SCRATCH)
        folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def recover_folder(path: Path) -> None:
    """Put a folder back that a killed writer had moved aside; its writers must be locked out."""
    if path.exists():
        return
    for found in [*_moved(path), _former(path)]:
        if found.exists():
            found.rename(path)
            return


def is_moved_aside(path: Path) -> bool:
    """Return whether a folder is missing and lies beside its place: a switch, or a killed one."""
    return not path.exists() and (_former(path).exists() or bool(_moved(path)))


def _place(path: str | Path) -> Path:
    """Return where a folder is to lie, links followed, after making the folder above it."""
    path = resolve(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _moved(path: Path) -> list[Path]:
    return [aside.path for aside in asides_of(path) if aside.kind == OLD]


def _clear(path: Path, *, locked: bool = False) -> None:
    """Remove what dead writers left beside a place; of a locked one, whatever they wrote for it."""
    for aside in asides_of(path):
        if aside.abandoned or (locked and aside.kind != SCRATCH):
            discard(aside.path)
    if locked:  # under the names of the first release
        for kind in (NEW, OLD, TRASH):
            discard(path.with_name(f".{path.name}.{kind}"))


def _former(path: Path) -> Path:
    """Return the name under which the first release moved a folder aside."""
    return path.with_name(f".{path.name}.{OLD}")


def _flush(path: Path) -> None:
    """Flush a file or folder, so that a rename never overtakes the data."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
