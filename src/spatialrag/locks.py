"""One writer at a time: locks that end with their process and name who holds them."""

import json
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING

from spatialrag.asides import beside, is_running, resolve
from spatialrag.errors import InputError

if TYPE_CHECKING:
    from filelock import FileLock

WAIT = 60.0  # seconds: writing a bank takes a few, and nobody should wait unknowingly for longer
_PATIENCE = 5.0  # seconds before it is said that one waits


@contextmanager
def locked(path: str | Path, *, wait: float | None = WAIT) -> Iterator[None]:
    """Hold the lock of a file or folder while the block runs.

    The lock is the hidden sibling ``.NAME.lock``, removed afterwards. The system releases it when
    its process ends, however it ends: a killed writer blocks nobody. Reading needs no lock.

    Parameters
    ----------
    path
        What is written; links are followed, so that all names of one place share its lock.
    wait
        Seconds to wait for another holder; None waits as long as it runs, and warns that it does.

    Raises
    ------
    InputError
        Another process holds it still, named with its machine and since when; or the lock cannot
        be made.
    """
    from filelock import FileLock  # only writers need it: a tenth of a second of every start

    path = resolve(path)
    file = beside(path, ".lock")
    lock = FileLock(file)
    _acquire(lock, file, path, wait)
    signed = False
    try:
        signed = _sign(file)
        yield
    finally:
        if signed:
            # While it is held: who waits for the removed file sees that and makes a new one.
            with suppress(OSError):
                file.unlink()
        lock.release()


def _acquire(lock: "FileLock", file: Path, path: Path, wait: float | None) -> None:
    from filelock import Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=_PATIENCE if wait is None else min(wait, _PATIENCE))
        except Timeout:
            if wait is not None and wait <= _PATIENCE:
                raise
            warnings.warn(f"waiting for {_holder(file)}, which writes {path}", stacklevel=4)
            lock.acquire(timeout=-1 if wait is None else wait - _PATIENCE)
    except Timeout as error:
        raise InputError(
            f"{path} is being written by another process",
            expected="one writer at a time",
            got=_holder(file),
            fix=_advice(file),
        ) from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be locked for writing",
            got=error.strerror or str(error),
            fix="name a place where you may write",
        ) from error


def _sign(file: Path) -> bool:
    """Write into the lock who holds it, for the messages of others.

    False where it cannot be, and on file systems without locks: there the file's existence is the
    lock, and filelock writes and removes it.
    """
    holder = {"process": os.getpid(), "host": gethostname(), "since": time.time()}
    with suppress(OSError):
        if not file.stat().st_size or _read(file) is not None:  # empty, or of a killed holder
            file.write_text(json.dumps(holder))
            return True
    return False


def _read(file: Path) -> tuple[int, str, str] | None:
    try:
        holder = json.loads(file.read_text())
        since = datetime.fromtimestamp(float(holder["since"])).astimezone()
        host = "".join(letter for letter in str(holder["host"]) if letter.isprintable())
        return int(holder["process"]), host, f"{since:%Y-%m-%d %H:%M:%S}"
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        return None


def _holder(file: Path) -> str:
    found = _read(file)
    if found is None:
        return "a process that did not say who it is"
    process, host, since = found
    return f"process {process} on {host}, since {since}"


def _advice(file: Path) -> str:
    """Return what to do; a lock whose process is gone is a file system's that forgot it."""
    found = _read(file)
    if found and found[1] == gethostname() and not is_running(found[0]):
        return f"that process no longer runs: delete {file}"
    return "wait until it has ended, and run the command again"
