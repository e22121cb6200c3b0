"""One door for names of slides, spots, donors, genes, cell types and data sets.

Names are text and stay as they are written: ``007``, ``1e2`` and ``NA`` are names. They are trimmed
(counted), never empty, unique where they must be, and hold no character that a terminal or a file
would obey. Names of slides and data sets become parts of files and of keys ``slide:spot``, so they
hold no slash and no colon; `spatialrag.file_names` takes care of what else a file system minds.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from spatialrag.errors import InputError, listing

# Controls, zero-width and direction marks, line separators, and what UTF-8 cannot hold.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_NOT_PLAIN = re.compile("[^\x21-\x7e\n]")
_EDGES = re.compile(r"^[\s\ufeff\u200b\u2060]+|[\s\ufeff\u200b\u2060]+$")
_PART = re.compile(r"[/\\:]")  # of a path, or of a key
_LONGEST = 200
_SUFFIXES = {
    "csv", "tsv", "txt", "parquet", "h5ad", "h5", "hdf5", "zarr", "npz", "npy", "pt", "json",
}  # fmt: skip
_PACKED = {"gz"}


def clean_names(
    values: Iterable[object], *, kind: str, subject: str, unique: bool = True
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return names as they are used, and notes of what was changed.

    Parameters
    ----------
    values : (n,)
        Text, bytes in UTF-8, or whole numbers.
    kind
        What is named, in the singular: spot, gene, cell type.
    subject
        Where they come from, for messages.
    unique
        Refuse names that occur twice once they are trimmed.

    Returns
    -------
    names : (n,) of str
    notes
        A sentence for what was trimmed.

    Raises
    ------
    InputError
        Something else than text, empty names, unsafe characters, or repeated names.
    """
    written = _as_text(values, kind, subject)
    names, changed = written, list[str]()
    notes: tuple[str, ...] = ()
    if not _all_plain(written):
        names = [_EDGES.sub("", unicodedata.normalize("NFC", name)) for name in written]
        changed = [repr(old) for old, new in zip(written, names, strict=True) if old != new]
        _check_filled(names, kind, subject)
        _check_safe(names, kind, subject)
    if changed:
        notes = (f"{len(changed)} {kind} names of {subject} trimmed: {listing(changed, 3)}",)
    clean = np.array(names, object).astype(str)
    if unique:
        refuse_repeated(clean, kind=kind, subject=subject)
    return clean, notes


def clean_name(value: object, *, kind: str, subject: str = "") -> str:
    """Return one name, trimmed; of a donor or cell type.

    Raises
    ------
    InputError
        As `clean_names`.
    """
    names, _ = clean_names([value], kind=kind, subject=subject or f"a {kind}")
    return str(names[0])


def clean_part(value: object, *, kind: str = "slide") -> str:
    """Return the name of a slide or data set, which becomes part of keys and of files.

    Raises
    ------
    InputError
        What `clean_names` refuses; a slash, backslash or colon; dots alone; an overlong name.
    """
    name = clean_name(value, kind=kind)
    fault = ""
    if found := _PART.search(name):
        fault = f"{found.group()!r} in it"
    elif not name.strip("."):
        fault = "dots alone"
    elif len(name) > _LONGEST:
        fault = f"{len(name)} characters"
    if fault:
        raise InputError(
            f"{name[:_LONGEST]!r} cannot be the name of a {kind}",
            expected=f"at most {_LONGEST} characters, without slash, backslash and colon: it "
            f"becomes part of file names and of the key {kind}:name",
            got=fault,
            fix=f"write it differently, e.g. {_PART.sub('-', name)[:40].strip('.') or 'S1'!r}",
        )
    return name


def refuse_repeated(names: np.ndarray, *, kind: str, subject: str, fix: str = "") -> None:
    """Raise `InputError` that shows the names which occur more than once."""
    values, counts = np.unique(names, return_counts=True)
    if (counts > 1).any():
        repeated = [f"{name} ({n} times)" for name, n in zip(values, counts, strict=True) if n > 1]
        raise InputError(
            f"{subject}: {len(repeated)} duplicate {kind} names: {listing(repeated)}",
            expected=f"every {kind} once",
            fix=fix or "rename or remove the copies: what is joined by name must not be guessed",
        )


def keys_of(part: str, names: Sequence[str] | np.ndarray) -> list[str]:
    """Return ``slide:spot`` for each name; `split_key` takes it apart without doubt."""
    prefix = clean_part(part)
    return [f"{prefix}:{name}" for name in names]


def split_key(key: str) -> tuple[str, str]:
    """Return slide and spot of a key: a slide's name holds no colon, a spot's may."""
    part, _, name = str(key).partition(":")
    return part, name


def name_of_file(path: str | Path) -> str:
    """Return a file's name less its known suffixes: ``P1.A`` of ``P1.A.csv.gz``."""
    parts = Path(path).name.split(".")
    if len(parts) > 2 and parts[-1].lower() in _PACKED:
        parts.pop()
    if len(parts) > 1 and parts[-1].lower() in _SUFFIXES:
        parts.pop()
    return ".".join(parts)


def _as_text(values: Iterable[object], kind: str, subject: str) -> list[str]:
    """Return text; whole numbers and bytes become text, anything else is refused."""
    if isinstance(values, np.ndarray):
        values = values.ravel().tolist() if values.dtype.kind in "USiu" else values.ravel()
    # Never through an array of text: numpy drops a NUL at the end of one.
    return [_text(value, kind, subject) for value in values]


def _text(value: object, kind: str, subject: str) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_)):
        return str(int(value))
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            pass
    raise InputError(
        f"{subject}: a {kind} has no name" if _missing(value) else f"{subject}: {kind} names",
        expected=f"{kind} names as text",
        got=f"{value!r} ({type(value).__name__})",
        fix="write names as text: numbers with fractions cannot be told from what they were",
    )


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, (float, np.floating)) and np.isnan(value))


def _all_plain(names: list[str]) -> bool:
    """Return whether all names are visible ASCII, which needs no further look."""
    joined = "\n".join(names)
    return joined.count("\n") == len(names) - 1 and all(names) and not _NOT_PLAIN.search(joined)


def _check_filled(names: list[str], kind: str, subject: str) -> None:
    empty = [position for position, name in enumerate(names, start=1) if not name]
    if empty:
        raise InputError(
            f"{subject}: {len(empty)} of {len(names)} {kind} names are empty",
            expected=f"a name for every {kind}",
            got=f"none at position {listing(empty)}",
            fix="name them, or remove these rows or columns",
        )


def _check_safe(names: list[str], kind: str, subject: str) -> None:
    bad = [ascii(name) for name in names if _UNSAFE.search(name)]
    if bad:
        raise InputError(
            f"{subject}: {len(bad)} {kind} names hold characters that are not text",
            expected="no control characters, line breaks or invisible marks",
            got=listing(bad, 3),
            fix="retype these names",
        )
