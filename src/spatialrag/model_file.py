"""What was learned, on disk: one safetensors file of arrays and a record, never a pickle."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from spatialrag.errors import InputError, MissingDependencyError

_RECORD = "spatialrag"


def write_model(path: str | Path, arrays: dict[str, np.ndarray], record: dict[str, Any]) -> Path:
    """Write arrays and their record: aside first, then put in place.

    Parameters
    ----------
    path
        The file, ``.safetensors``.
    arrays
        By name.
    record
        Plain values; ``schema`` among them.
    """
    tensors = _safetensors()
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.partial")
    try:
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        tensors.save_file(contiguous, aside, metadata={_RECORD: json.dumps(record)})
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return path


def read_model(
    path: Path, *, schema: int, kind: str, writer: str
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return arrays and record.

    Parameters
    ----------
    path
        As `write_model` wrote it.
    schema
        The newest that can be read.
    kind, writer
        What it is and what writes it, for errors.

    Raises
    ------
    InputError
        No such file, another kind of file, or one of a newer version.
    """
    tensors = _safetensors()
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise InputError(f"{path} does not exist", fix=f"{writer} writes it")
    try:
        with safe_open(path, framework="numpy") as file:
            record = json.loads((file.metadata() or {})[_RECORD])
        arrays = tensors.load_file(path)
        newer = record["schema"] > schema
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise InputError(
            f"{path} is not a {kind}",
            expected=f"a file of {writer}",
            got=f"{type(error).__name__}: {error}",
        ) from error
    if newer:
        raise InputError(f"{path} was written by a newer spatialrag", fix="upgrade spatialrag")
    return arrays, record


def _safetensors() -> Any:  # noqa: ANN401  (a module)
    try:
        import safetensors.numpy
    except ImportError as error:
        raise MissingDependencyError(
            "safetensors", extra="ragst", needed_for="files of trained models"
        ) from error
    return safetensors.numpy
