"""Files and folders replaced whole: written beside their place, then moved there in one step.

A reader finds the old content or the new, never half of either. What a killed writer left beside
the place is removed by the next writer of the same place.
"""

import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import gethostname

from spatialrag.errors import InputError
from spatialrag.provenance import fingerprint

_LONGEST = 160  # bytes of a name; file systems allow 255, and endings are added
_ENDING = r"\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.(new|old|trash)(\.[^.]*)?"


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
        _check_place(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear(path)
        aside = beside(path, _ending("new") + path.suffix)  # writers look at the suffix
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
    path = resolve(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        recover_folder(path)
        _clear(path, every=True)
    aside, old = beside(path, _ending("new")), beside(path, _ending("old"))
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
    _discard(old)


@contextmanager
def scratch_folder(path: str | Path) -> Iterator[Path]:
    """Yield a new folder beside ``path``, on the same disk, that is removed afterwards.

    Raises
    ------
    InputError
        As `replace_file`.
    """
    path = resolve(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear(path)
        folder = beside(path, _ending("new"))
        folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system refuses while ``path`` is written into an error that says what to do.

    Raises
    ------
    InputError
        For any OSError of the block.
    """
    try:
        yield
    except InputError:
        raise
    except OSError as error:
        raise InputError(
            f"{path} cannot be written",
            got=error.strerror or str(error),
            fix="make room, or name another place; what is finished is kept, so run it again",
        ) from error


def recover_folder(path: Path) -> None:
    """Put a folder back that a killed writer had moved aside; its writers must be locked out."""
    if path.exists():
        return
    legacy = path.with_name(f".{path.name}.old")  # as the first release named it
    moved = [found for found, _, kind in _leftovers(path) if kind == "old"]
    for found in [*moved, legacy]:
        if found.exists():
            found.rename(path)
            return


def is_moved_aside(path: Path) -> bool:
    """Return whether a folder is missing and lies beside its place: a switch, or a killed one."""
    legacy = path.with_name(f".{path.name}.old")
    return not path.exists() and (
        legacy.exists() or any(kind == "old" for _, _, kind in _leftovers(path))
    )


def check_output(
    path: str | Path, *, inputs: Iterable[str | Path | None] = (), folder: bool = False
) -> Path:
    """Check, before long work, that a result can be written, and replaces nothing that is read.

    Parameters
    ----------
    path
        Where the result goes.
    inputs
        What it is made from; None is passed over.
    folder
        Whether the result is a folder, such as a bank; else it is a file.

    Returns
    -------
    Path
        As given.

    Raises
    ------
    InputError
        The path is one of the inputs, its folder cannot be made, or nothing can be written there.
    """
    path, target = Path(path), resolve(path)
    for given in inputs:
        if given is not None and _same(target, resolve(given)):
            raise InputError(
                f"{path} is what is read: it would be overwritten",
                expected="a path of its own for the result",
                got=f"{given} as input and {path} as output",
                fix="name another file for the result",
            )
    with writing(path):
        if not folder:
            _check_place(target)
        elif target.exists() and not target.is_dir():
            raise InputError(f"{path} cannot be written", got="a file of this name")
        parent = next(above for above in target.parents if above.exists())
        if not parent.is_dir():
            raise InputError(f"{path} cannot be written", got=f"{parent} is not a folder")
        if not os.access(parent, os.W_OK | os.X_OK):
            raise InputError(
                f"{path} cannot be written",
                got=f"no permission to write in {parent}",
                fix="name another place",
            )
    return path


def resolve(path: str | Path) -> Path:
    """Return the absolute path, links followed.

    Raises
    ------
    InputError
        Links that lead in a circle, or a name that no file system takes.
    """
    try:
        return Path(path).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"{str(path)!r} is not a path", got=str(error)) from error


def beside(path: Path, ending: str) -> Path:
    """Return the hidden sibling ``.NAME ENDING``; long names are shortened by a hash."""
    name = path.name
    if not name:
        raise InputError(f"{path} cannot be written", got="the root of a disk")
    if len(name.encode()) > _LONGEST:
        name = f"{fingerprint(name)[:32]}"
    return path.with_name(f".{name}{ending}")


def _ending(kind: str) -> str:
    """Return an ending that no other writer uses and that tells whose it is."""
    return f".{_host()}-{os.getpid()}-{secrets.token_hex(4)}.{kind}"


def _host() -> str:
    return fingerprint(gethostname())[:8]


def _leftovers(path: Path) -> list[tuple[Path, re.Match[str], str]]:
    """Return what writers of a path put beside it: the sibling, its owner, its kind."""
    pattern = re.compile(re.escape(beside(path, "").name) + _ENDING)
    with suppress(FileNotFoundError, NotADirectoryError):
        found = [(entry, pattern.fullmatch(entry.name)) for entry in path.parent.iterdir()]
        return [(entry, match, match[3]) for entry, match in found if match]
    return []


def _clear(path: Path, *, every: bool = False) -> None:
    """Remove what dead writers left beside a path, or ``every`` such thing where it is locked."""
    for entry, owner, _ in _leftovers(path):
        if every or (owner[1] == _host() and not is_running(int(owner[2]))):
            _discard(entry)
    for kind in ("new", "old") if every else ():  # as the first release named them
        _discard(path.with_name(f".{path.name}.{kind}"))


def is_running(process: int) -> bool:
    """Return whether a process of this machine runs; what cannot be known counts as running."""
    if os.name == "nt":  # there, a signal of 0 would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _discard(entry: Path) -> None:
    """Remove a file or folder; a folder is renamed first, so that no half of it is taken back."""
    if not entry.is_dir() or entry.is_symlink():
        with suppress(OSError):
            entry.unlink(missing_ok=True)
        return
    if entry.name.endswith(".old"):
        trash = entry.with_name(entry.name.removesuffix(".old") + ".trash")
        with suppress(OSError):
            entry = entry.rename(trash)
    shutil.rmtree(entry, ignore_errors=True)


def _check_place(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path} cannot be written", got="a folder of this name")
    if path.exists() and not path.is_file():
        raise InputError(f"{path} cannot be written", got="a device or pipe")


def _flush(path: Path) -> None:
    """Flush a file or folder, so that a rename never overtakes the data."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _same(first: Path, second: Path) -> bool:
    if first == second:
        return True
    with suppress(OSError):
        return first.samefile(second)  # hard links, case-blind file systems
    return False
