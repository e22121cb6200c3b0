"""A table from a file: named columns, rows by name, cells as text or numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from spatialrag.errors import InputError, MissingDependencyError, listing
from spatialrag.file_kind import kind_of, reading, refusal, require_file
from spatialrag.names import clean_names, refuse_repeated
from spatialrag.tables.columns import is_known_column
from spatialrag.tables.delimited import parse
from spatialrag.tables.numbers import to_numbers
from spatialrag.tables.text import read_text

# Columns of names, in lower case, in the order they are looked for.
NAME_COLUMNS = (
    "barcode", "barcodes", "spot", "spots", "spot_id", "spot_name", "cell_id", "cell", "cell_name",
    "name", "names", "id",
)  # fmt: skip
_SURE = NAME_COLUMNS[:6]  # nothing else is called so
SLIDE_COLUMNS = ("slide", "slide_id", "library_id", "library", "sample", "sample_id", "section")
_TEXT_COLUMNS = {*NAME_COLUMNS, *SLIDE_COLUMNS, "donor", "patient", "cell_type", "gene", "symbol"}
_USUAL = {".csv": ",", ".tsv": "\t", ".txt": "\t"}


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of a file.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns are named once each, cells are text or numbers; the index counts rows, or names
        them after `named`.
    name
        Name of the file, for messages.
    separator
        Empty for Parquet.
    notes
        What was changed in reading, for the user to see.
    """

    frame: pd.DataFrame
    name: str
    separator: str = ""
    notes: tuple[str, ...] = ()

    def named(self, kind: str = "spot", *, unique: bool = True) -> "Table":
        """Return the table with names in its index instead of a column.

        They are in the column ``barcode``, ``spot``, … where the first column only counts rows or
        is known to be something else, else in the first column.

        Parameters
        ----------
        kind
            What a row is, for messages.
        unique
            Refuse names that occur twice.
        """
        column, notes = _name_column(self.frame, kind, self.name)
        names, trimmed = clean_names(
            self.frame[column].to_numpy(object), kind=kind, subject=self.name, unique=unique
        )
        frame = self.frame.drop(columns={column, ""}, errors="ignore")
        frame = frame.set_axis(pd.Index(names, dtype=object))
        return replace(self, frame=frame, notes=(*self.notes, *notes, *trimmed))

    def numbers(self, columns: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return some columns as float64 (n_rows, n), and notes; see `to_numbers`."""
        return to_numbers(self.frame[list(columns)], name=self.name, commas=self.separator == ";")

    def require(self, columns: Sequence[str], *, purpose: str) -> None:
        """Raise `InputError` when columns are missing."""
        missing = [column for column in columns if column not in self.frame]
        if missing:
            raise InputError(
                f"{self.name} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}",
                expected=f"columns {', '.join(columns)}: {purpose}",
                got=f"columns {listing(self.frame.columns)}",
            )


def read_table(
    path: str | Path,
    *,
    as_text: bool = False,
    header: bool | None = True,
    comment: str = "",
) -> Table:
    """Read a CSV, TSV or Parquet file; text files may be gzipped.

    Parameters
    ----------
    path
        What it is is told from its content; its suffix says which separator is likely.
    as_text
        Leave every cell as text; otherwise a column whose cells are all numbers is numbers.
        Columns of names are text in any case.
    header
        Whether the first line names the columns; found out when None, and columns are then
        called ``0``, ``1``, ….
    comment
        Lines that start with it are skipped.

    Raises
    ------
    InputError
        No such file, no table, a repeated or nameless column, or lines of different lengths.
    MissingDependencyError
        A Parquet file without pyarrow.
    """
    path = require_file(path)
    kind = kind_of(path).key
    if kind == "parquet":
        return _read_parquet(path, as_text)
    if kind != "text":
        raise refusal(path, "a table (CSV, TSV or Parquet)", got="unknown table format")
    text = read_text(path)
    if comment:
        text = "\n".join(line for line in text.split("\n") if not line.startswith(comment))
    suffixes = [suffix.lower() for suffix in path.suffixes]
    usual = next((_USUAL[suffix] for suffix in reversed(suffixes) if suffix in _USUAL), ",")
    return table_of_text(text, name=path.name, usual=usual, as_text=as_text, header=header)


def table_of_text(
    text: str,
    *,
    name: str,
    usual: str = ",",
    as_text: bool = False,
    header: bool | None = True,
) -> Table:
    """Return the table of delimited text; see `read_table`.

    Parameters
    ----------
    text, as_text, header
        As in `read_table`.
    name
        Name of its source.
    usual
        Separator tried first.
    """
    kept = None if as_text else _TEXT_COLUMNS
    found = parse(text, name=name, usual=usual, header=header, as_text=kept)
    if found.header is None:
        frame = found.cells.set_axis([str(i) for i in found.cells], axis=1)
        return Table(frame, name, found.separator, found.notes)
    frame, notes = _with_header(found.header, found.cells, name)
    return Table(frame, name, found.separator, (*found.notes, *notes))


def _with_header(
    titles: list[str], cells: pd.DataFrame, name: str
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return cells under their names: the first may be nameless, other nameless ones are empty."""
    header = [title.strip() for title in titles]
    empty = [i for i, title in enumerate(header) if not title and i > 0 and _is_blank(cells[i])]
    nameless = [i + 1 for i, title in enumerate(header) if not title and i > 0 and i not in empty]
    if nameless:
        raise InputError(
            f"{name} has columns without a name",
            expected="a name for every column but the first",
            got=f"none for column {listing(nameless)}",
            fix="name them, or remove them",
        )
    kept = [i for i in range(len(header)) if i not in empty]
    if len(kept) < 2 and not len(cells):
        raise InputError(f"{name} holds no table", expected="columns separated by commas or tabs")
    clean, notes = _clean_titles([titles[i] for i in kept], name)
    return cells[kept].set_axis(clean, axis=1), notes


def _clean_titles(titles: Sequence[object], name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return names of columns; the first may be empty."""
    rest, notes = clean_names(titles[1:], kind="column", subject=name, unique=False)
    clean = np.array([str(titles[0]).strip("\ufeff \t"), *rest.tolist()], object)
    fix = "remove or rename the copies (is the first line the header?)"
    refuse_repeated(clean.astype(str), kind="column", subject=name, fix=fix)
    return clean, notes


def _is_blank(column: pd.Series) -> bool:
    return bool((column.astype(str).str.strip() == "").all())


def _read_parquet(path: Path, as_text: bool) -> Table:
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise MissingDependencyError(
            "pyarrow", extra="parquet", needed_for=f"reading {path.name}"
        ) from error
    with reading(path, "a table (Parquet)"):
        frame = parquet.read_table(path).to_pandas()
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index(names="" if frame.index.name is None else str(frame.index.name))
    titles, notes = _clean_titles(list(frame.columns), path.name)
    frame = frame.set_axis(titles, axis=1)
    columns = {name: _plain(frame[name], as_text) for name in frame}
    return Table(pd.DataFrame(columns).reset_index(drop=True), path.name, notes=notes)


def _plain(column: pd.Series, as_text: bool) -> pd.Series:
    """Return numbers as they are, everything else as text; what is missing is empty text."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        if not as_text and str(column.name).lower() not in _TEXT_COLUMNS:
            return column.reset_index(drop=True)
        if pd.api.types.is_float_dtype(column):
            return column.astype(object).reset_index(drop=True)
    text = column.astype(object)
    return text.where(column.notna(), "").map(str).reset_index(drop=True)


def _name_column(frame: pd.DataFrame, kind: str, name: str) -> tuple[str, tuple[str, ...]]:
    """Return the column of names, and a note when it is not the first."""
    first = frame.columns[0]
    known = next((c for wanted in NAME_COLUMNS for c in frame if c.lower() == wanted), first)
    counts = first.lower() in ("", "unnamed: 0", "index") and _counts_rows(frame[first])
    elsewhere = known != first and (
        counts or is_known_column(first) or (first != "" and known.lower() in _SURE)
    )
    if elsewhere:
        return known, (f"{kind} names of {name} taken from its column {known!r}",)
    if is_known_column(first) and first.lower() not in NAME_COLUMNS:
        raise InputError(
            f"{name} does not name its {kind}s",
            expected=f"names in the first column, or in a column {NAME_COLUMNS[0]}",
            got=f"the first column is {first!r}",
            fix=f"write the {kind} names as the first column",
        )
    return first, (f"the {kind} names of {name} are row numbers",) * counts


def _counts_rows(column: pd.Series) -> bool:
    """Return whether a column counts rows, from 0 or 1: a data frame's own index."""
    text = column.astype(str).tolist()
    return any(text == [str(start + i) for i in range(len(text))] for start in (0, 1))
