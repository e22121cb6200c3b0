"""Files that a job writes: checked before the work, replaced whole after it."""

import json
from collections.abc import Iterable
from pathlib import Path

from spatialrag.errors import InputError
from spatialrag.evaluation.report import finite
from spatialrag.outputs import check_output
from spatialrag.replace import replace_text


def check_outputs(
    *outputs: Path | None,
    overwrite: bool,
    inputs: Iterable[object] = (),
    folder: bool = False,
) -> None:
    """Check, before any work, that results can be written: one rule for every file and store.

    Nothing that is read is ever replaced, and what exists only where that is asked for.

    Parameters
    ----------
    outputs
        Files that were asked for; None is passed over.
    overwrite
        Whether they may replace files and stores that exist.
    inputs
        What is read; only paths matter, since what is in memory cannot be overwritten.
    folder
        Whether the outputs are folders, such as banks.

    Raises
    ------
    InputError
        An output is one of the inputs, is ``-``, exists and may not be replaced, or cannot be
        written.
    """
    read = [given for given in inputs if isinstance(given, Path)]
    for path in outputs:
        if path == Path("-"):
            raise InputError("'-' is no file to write", fix="name a file, e.g. result.json")
        if path is None:
            continue
        check_output(path, inputs=read, folder=folder)
        if path.exists() and not overwrite:
            raise InputError(f"{path} exists", fix="name another path, or replace it: --overwrite")


def write_json(path: Path | None, value: object) -> None:
    """Write facts as JSON when a file was asked for; numbers that are none become null."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps(finite(value), indent=1) + "\n")
