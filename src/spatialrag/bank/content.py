"""Content hashes of the parts of a bank: one slide's references, or one data set's cells."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag.errors import raise_all
from spatialrag.provenance import fingerprint

RULE = 2
_MARK = f"{RULE}:"


def hash_part(
    name: str,
    entry: pd.Series,
    rows: pd.DataFrame,
    *,
    genes: np.ndarray,
    expression: sparse.csr_matrix,
    arrays: Mapping[str, np.ndarray | None],
) -> str:
    """Return the content hash of one part of a bank, marked with the rule it follows.

    Everything counts: what is said of the part, every column of its rows and their names, genes,
    expression and arrays. A column without any value counts as absent, so that joining banks with
    other columns changes no hash.

    Parameters
    ----------
    name
        Name of the part: a slide, a data set.
    entry
        What the bank says of it; its own hash is passed over.
    rows
        Its references or cells, (n, columns).
    genes : (n_genes,)
        Those it measured.
    expression : CSR (n, n_genes)
    arrays
        Further arrays of its rows, by name; None where the bank has none.
    """
    said = entry.drop("hash", errors="ignore")
    facts = [[key, _text(said[key])] for key in sorted(said.index) if _text(said[key])]
    further = [
        part for key in sorted(arrays) if arrays[key] is not None for part in (key, arrays[key])
    ]
    digest = fingerprint(
        name,
        *(text for fact in facts for text in fact),
        rows.index.astype(str).tolist(),
        *columns_of(rows),
        genes.tolist(),
        expression,
        *further,
    )
    return _MARK + digest


def columns_of(table: pd.DataFrame) -> list[object]:
    """Return names and values of a table's columns for `fingerprint`, less those without a value.

    They are the same before the table is written and after it is read: text for categories and
    strings of any kind, float64 for numbers.
    """
    return [
        part
        for key in sorted(table.columns)
        if not _empty(table[key])
        for part in (key, _values(table[key]))
    ]


def check_hashes(
    recorded: pd.Series,
    hash_of: Callable[[str], str],
    former_hash_of: Callable[[str], str],
    *,
    part: str,
    path: object,
) -> None:
    """Raise `InputError` that lists every part whose content is not what was written.

    Parameters
    ----------
    recorded
        Hash of each part, by name.
    hash_of, former_hash_of
        Hash a part as it is now, by the present rule and by that of schema 1.
    part
        What one is called: slide, data set.
    path
        The store, for the message.
    """
    faults = []
    for name, expected in recorded.items():
        rule = hash_of if str(expected).startswith(_MARK) else former_hash_of
        if rule(name) != expected:
            faults.append(f"{part} {name!r} is not what was written")
    raise_all(
        faults, subject=str(path), fix=f"rebuild it, or remove each such {part} and add it again"
    )


def _empty(column: pd.Series) -> bool:
    return bool((column.isna() | (column.astype(object) == "")).all())


def _values(column: pd.Series) -> np.ndarray | list[str]:
    """Return a column in the one form it has before it is written and after it is read."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(np.float64)
    return column.astype(object).where(column.notna(), "").astype(str).tolist()


def _text(value: object) -> str:
    if isinstance(value, (bool, int, float, np.number, np.bool_)):
        return "" if np.isnan(value) else repr(float(value))
    return "" if value is None or value is pd.NA else str(value)
