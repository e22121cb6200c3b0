"""Files that a job writes: checked before the work, replaced whole after it."""

import json
from collections.abc import Iterable
from pathlib import Path

from spatialrag.errors import InputError
from spatialrag.evaluation.report import finite
from spatialrag.outputs import check_output
from spatialrag.replace import replace_text


def check_outputs(
    *outputs: Path | None, inputs: Iterable[object] = (), folder: bool = False
) -> None:
    """Check, before any work, that results can be written and replace nothing that is read.

    Parameters
    ----------
    outputs
        Files that were asked for; None is passed over.
    inputs
        What is read; only paths matter, since what is in memory cannot be overwritten.
    folder
        Whether the outputs are folders, such as banks.

    Raises
    ------
    InputError
        An output is one of the inputs, is ``-``, or cannot be written.
    """
    read = [given for given in inputs if isinstance(given, Path)]
    for path in outputs:
        if path == Path("-"):
            raise InputError("'-' is no file to write", fix="name a file, e.g. result.json")
        if path is not None:
            check_output(path, inputs=read, folder=folder)


def check_store(path: Path, *, overwrite: bool, inputs: Iterable[object] = ()) -> None:
    """Check, before any work, that a store can be written: a new one, or one to be replaced.

    Raises
    ------
    InputError
        It exists and ``overwrite`` is false, or what `check_outputs` refuses.
    """
    check_outputs(path, inputs=inputs, folder=True)
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists", fix="choose another path, or --overwrite")


def write_json(path: Path | None, value: object) -> None:
    """Write facts as JSON when a file was asked for; numbers that are none become null."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps(finite(value), indent=1) + "\n")
