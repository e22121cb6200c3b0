"""Whether a result can be written, told before the work and when it fails."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spatialrag.asides import resolve
from spatialrag.errors import InputError


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
            check_place(target)
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


def check_place(path: Path) -> None:
    """Raise `InputError` where a folder, device or pipe lies in the place of a file."""
    if path.is_dir():
        raise InputError(f"{path} cannot be written", got="a folder of this name")
    if path.exists() and not path.is_file():
        raise InputError(f"{path} cannot be written", got="a device or pipe")


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


def _same(first: Path, second: Path) -> bool:
    if first == second:
        return True
    with suppress(OSError):
        return first.samefile(second)  # hard links, case-blind file systems
    return False
