"""How a command ends that fails: by bad input, by the machine, or by a bug."""

import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import typer

from spatialrag.errors import InputError, SpatialragError
from spatialrag.escaping import printable

BAD_INPUT, BUG = 2, 1


@contextmanager
def failures_told() -> Iterator[None]:
    """End with a message and an exit code instead of a traceback.

    2 for bad input and for what the machine refuses (a full disk, permissions, memory); 1 for a
    bug, whose traceback is kept in a file that the message names. Warnings are a line each.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal of another encoding must not end a command
            stream.reconfigure(errors="replace")
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            yield
        except SpatialragError as error:
            _end(str(error), BAD_INPUT)
        except BrokenPipeError:
            # Nobody reads any more (`| head`); results were written before they were printed.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(0) from None
        except OSError as error:
            _end(str(_of_system(error)), BAD_INPUT)
        except MemoryError:
            _end(str(_of_memory()), BAD_INPUT)
        except Exception as error:  # noqa: BLE001  (the last resort, which keeps the traceback)
            _end(_of_bug(error), BUG)


def _end(message: str, code: int) -> None:
    typer.echo(f"error: {printable(message)}", err=True)
    raise SystemExit(code) from None


def _of_system(error: OSError) -> InputError:
    where = error.filename or "the machine"
    return InputError(
        f"{where} cannot be used",
        got=error.strerror or str(error),
        fix="check that it exists, that you may read or write it, and that the disk has room",
    )


def _of_memory() -> InputError:
    return InputError(
        "the machine's memory does not suffice",
        fix="take fewer slides or spots at a time, or a machine with more memory",
    )


def _of_bug(error: Exception) -> str:
    handle, path = tempfile.mkstemp(prefix="spatialrag-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8") as log:
        log.write("".join(traceback.format_exception(error)))
    return (
        f"this is a bug of spatialrag, not of your input ({type(error).__name__}): please report "
        f"it with the log {path}"
    )


def _show_warning(
    message: Warning | str,
    category: type[Warning],  # noqa: ARG001  (the signature of warnings.showwarning)
    filename: str,  # noqa: ARG001
    lineno: int,  # noqa: ARG001
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    typer.echo(f"warning: {printable(message)}", err=True)
