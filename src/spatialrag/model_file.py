"""What was learned, on disk: one safetensors file of arrays and a record, never a pickle."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from spatialrag.errors import InputError, MissingDependencyError, raise_all
from spatialrag.provenance import fingerprint
from spatialrag.replace import replace_file

_RECORD, _SEAL = "spatialrag", "spatialrag-seal"
_AGAIN = "restore a copy, or train again"
_FAULTS = (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError, OverflowError)


def write_model(path: str | Path, arrays: dict[str, np.ndarray], record: dict[str, Any]) -> Path:
    """Write arrays and their record: the file is replaced whole, or left as it is.

    Parameters
    ----------
    path
        The file, ``.safetensors``.
    arrays
        By name.
    record
        Plain values; ``schema`` among them.

    Raises
    ------
    InputError
        It cannot be written.
    """
    tensors = _safetensors()
    from safetensors import SafetensorError

    path, text = Path(path), json.dumps(record)
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    told = {_RECORD: text, _SEAL: _seal(contiguous, text)}
    with replace_file(path) as aside:
        try:
            tensors.save_file(contiguous, aside, metadata=told)
        except SafetensorError as error:  # as it calls a full disk
            raise OSError(str(error)) from error
    return path


def read_model(
    path: Path, *, schema: int, kind: str, writer: str, infinite: Sequence[str] = ()
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
    infinite
        Names of arrays that may hold inf. None may hold NaN.

    Raises
    ------
    InputError
        No such file, another kind of file, one of a newer version, one that was edited after it was
        written, or numbers that are not finite.
    """
    tensors = _safetensors()
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise InputError(f"{path} does not exist", fix=f"{writer} writes it")
    try:
        with safe_open(path, framework="numpy") as file:
            told = file.metadata() or {}
        record = json.loads(told[_RECORD])
        arrays = tensors.load_file(path)
        found = int(record["schema"])
    except (SafetensorError, OSError, RecursionError, *_FAULTS) as error:
        raise InputError(
            f"{path} is not a {kind}",
            expected=f"a file of {writer}",
            got=f"{type(error).__name__}: {error}",
        ) from error
    if found > schema:
        raise InputError(
            f"{path} was written by a newer spatialrag",
            expected=f"schema {schema} or older",
            got=f"schema {found}",
            fix="upgrade spatialrag",
        )
    # Files of the first release have no seal.
    if found < 1 or told.get(_SEAL, "") not in ("", _seal(arrays, told[_RECORD])):
        raise InputError(f"{path} was edited after it was written", fix=_AGAIN)
    raise_all(
        [
            f"{name} holds {'NaN' if np.isnan(array).any() else 'inf'}"
            for name, array in arrays.items()
            if array.dtype.kind == "f" and not _usable(array, finite=name not in infinite)
        ],
        subject=str(path),
        fix=_AGAIN,
    )
    return arrays, record


@contextmanager
def fits(path: Path, kind: str) -> Iterator[None]:
    """Turn what fails while a model is made of arrays and a record into one error.

    Raises
    ------
    InputError
        Something is missing, or of another type or shape.
    """
    try:
        yield
    except InputError:
        raise
    except _FAULTS as error:
        raise InputError(
            f"{path} is damaged or was edited: no {kind} can be made of it",
            got=f"{type(error).__name__}: {str(error)[:500]}",
            fix=_AGAIN,
        ) from error


def check_shapes(
    path: Path, arrays: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int | None, ...]]
) -> None:
    """Raise `InputError` that lists arrays which are missing or of another shape.

    Parameters
    ----------
    path
        Path of the file, for the message.
    arrays
        As `read_model` returned them.
    shapes
        As they must be, by name; None for any length.
    """
    faults = []
    for name, wanted in shapes.items():
        if name not in arrays:
            faults.append(f"{name} is missing")
            continue
        shape = arrays[name].shape
        same = [length in (None, found) for length, found in zip(wanted, shape, strict=False)]
        if len(shape) != len(wanted) or not all(same):
            faults.append(f"{name} is {shape}, expected {wanted}")
    raise_all(faults, subject=str(path), fix=_AGAIN)


def _usable(array: np.ndarray, *, finite: bool) -> bool:
    return bool(np.isfinite(array).all() if finite else not np.isnan(array).any())


def _seal(arrays: Mapping[str, np.ndarray], record: str) -> str:
    """Return a hash of everything in the file: safetensors themselves notice no flipped bit."""
    return fingerprint(record, *(part for name in sorted(arrays) for part in (name, arrays[name])))


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise MissingDependencyError(
            "safetensors", extra="ragst", needed_for="files of trained models"
        ) from error
    return safetensors.numpy
