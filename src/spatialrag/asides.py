"""What is written beside a place before it is put there, and whose it is."""

import os
import re
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from socket import gethostname

from spatialrag.errors import InputError
from spatialrag.provenance import fingerprint

NEW, OLD, TRASH, SCRATCH = "new", "old", "trash", "scratch"
_LONGEST = 160  # bytes of a name; file systems allow 255, and endings are added
_ENDING = re.compile(
    r"\.(?P<host>[0-9a-f]{8})-(?P<process>\d{1,20})-[0-9a-f]{8}\.(?P<kind>new|old|trash|scratch)"
    r"(\.[^.]*)?"
)


@dataclass(frozen=True)
class Aside:
    """Something that a writer put beside a place.

    Parameters
    ----------
    path
        The hidden sibling.
    kind
        ``new`` (being written), ``old`` (moved away, whole), ``trash`` (being removed) or
        ``scratch`` (of no place).
    abandoned
        Whether its process ran on this machine and no longer does.
    """

    path: Path
    kind: str
    abandoned: bool


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


def new_aside(path: Path, kind: str, suffix: str = "") -> Path:
    """Return a sibling that no other writer uses, and that tells whose it is.

    Parameters
    ----------
    path
        The place.
    kind
        See `Aside`.
    suffix
        At its end: some writers choose a format by it.
    """
    owner = f"{_host()}-{os.getpid()}-{secrets.token_hex(4)}"
    return beside(path, f".{owner}.{kind}{suffix if len(suffix) < 16 else ''}")


def asides_of(path: Path) -> list[Aside]:
    """Return what writers of a place put beside it."""
    start, found = beside(path, "").name, []
    with suppress(FileNotFoundError, NotADirectoryError):
        for entry in path.parent.iterdir():
            ending = entry.name.removeprefix(start) if entry.name.startswith(start) else ""
            if match := _ENDING.fullmatch(ending):
                here = match["host"] == _host()
                abandoned = here and not is_running(int(match["process"]))
                found.append(Aside(entry, match["kind"], abandoned))
    return found


def discard(path: Path) -> None:
    """Remove a file or folder; one moved away is renamed first: no half of it is taken back."""
    if not path.is_dir() or path.is_symlink():
        with suppress(OSError):
            path.unlink(missing_ok=True)
        return
    if path.name.endswith(f".{OLD}"):
        with suppress(OSError):
            path = path.rename(path.with_name(f"{path.name.removesuffix(OLD)}{TRASH}"))
    shutil.rmtree(path, ignore_errors=True)


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


def _host() -> str:
    return fingerprint(gethostname())[:8]
