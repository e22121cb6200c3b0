"""Delimited text to cells: the separator is found, and every line must have the same fields."""

import csv
import io
from collections.abc import Container
from dataclasses import dataclass

import numpy as np
import pandas as pd

from spatialrag.errors import InputError
from spatialrag.tables.numbers import is_number

_SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", " ": "blanks"}
_SAMPLE = 60


@dataclass(frozen=True, eq=False)
class Delimited:
    """What a delimited text holds.

    Parameters
    ----------
    header : list of str or None
        Names of the columns as written; None where the first line is one of data.
    cells : pandas.DataFrame
        Columns 0, 1, …; text, or numbers where a whole column is numbers. The first is text.
    separator
    notes
    """

    header: list[str] | None
    cells: pd.DataFrame
    separator: str
    notes: tuple[str, ...]


def parse(
    text: str,
    *,
    name: str,
    usual: str = ",",
    header: bool | None = True,
    as_text: Container[str] | None = (),
) -> Delimited:
    """Return the cells of delimited text.

    Parameters
    ----------
    text
        Lines end with a line feed.
    name
        Name of the file, for messages.
    usual
        Separator tried first: the one its suffix stands for.
    header
        Whether the first line names the columns; found out when None.
    as_text
        Names of columns, in lower case, that stay text whatever they look like; None for all.

    Raises
    ------
    InputError
        Nothing in it, no separator under which lines agree, or a line of another length.
    """
    text, usual = _stated_separator(text.strip("\n"), usual)
    if not text.strip():
        raise InputError(f"{name} is empty", expected="a header line and rows")
    separator, short_header = _find_separator(text, usual)
    notes: tuple[str, ...] = ()
    if separator != usual:
        notes = (f"{name} is separated by {_SEPARATORS[separator]}",)
    first, _, body = text.partition("\n")
    names = _fields(first, separator, name)
    if header is None:
        header = not any(is_number(cell) for cell in names[1:])
    if not header:
        body, short_header = text, False
    width = len(names) + short_header
    _check_lengths(body, width, separator, name, first_line=1 + header)
    kept = {0} | {
        i + short_header
        for i, cell in enumerate(names)
        if as_text is None or cell.strip().lower() in as_text
    }
    cells = _read(body, separator, width, kept if header else {0})
    if short_header:
        names = ["", *names]
        if (cells[width - 1] == "").all():  # lines that end with a separator, the header does not
            names, cells = names[1:], cells.drop(columns=width - 1)
    blank = _blank_rows(cells)
    if blank.any():
        notes += (f"{int(blank.sum())} rows of {name} without a single value left out",)
        cells = cells[~blank].reset_index(drop=True)
    return Delimited(names if header else None, cells, separator, notes)


def _stated_separator(text: str, usual: str) -> tuple[str, str]:
    """Return text less a first line ``sep=;``, which Excel writes, and the separator."""
    first, _, rest = text.partition("\n")
    stated = first.rstrip("\r")  # not more: a tab is a separator too
    if stated.lower().startswith("sep=") and len(stated) == 5:
        return rest, stated[-1]
    return text, usual


def _find_separator(text: str, usual: str) -> tuple[str, bool]:
    """Return the separator, and whether the header names one column less than lines have (R)."""
    lines = [line for line in text.split("\n", _SAMPLE)[:_SAMPLE] if line.strip()]
    counted = {}
    # Blanks separate in R's .txt alone: elsewhere they are parts of names.
    tried = [each for each in _SEPARATORS if each != " " or usual == "\t"]
    for separator in dict.fromkeys([usual, *tried]):
        try:
            fields = [len(row) for row in csv.reader(lines, delimiter=separator)]
        except csv.Error:
            continue
        if fields:
            body = fields[1:] or fields
            counted[separator] = fields[0], max(set(body), key=body.count)
    for short in (0, 1):
        for separator, (header, width) in counted.items():
            if width >= 2 and header + short == width:
                return separator, bool(short)
    return usual, False


def _fields(line: str, separator: str, name: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator))
    except csv.Error as error:
        raise InputError(f"the header of {name} cannot be read", got=str(error)) from error


def _check_lengths(body: str, width: int, separator: str, name: str, *, first_line: int) -> None:
    """Raise for the first line that has more or fewer fields than the header."""
    if '"' in body:
        counts = _count_quoted(body, separator, name)
    else:
        counts = [line.count(separator) + 1 if line.strip(" ") else 0 for line in body.split("\n")]
    bad = [(i, n) for i, n in enumerate(counts) if n not in (0, width)]
    if bad:
        number, n = bad[0]
        cut = " (the last line: is the file cut short?)" if number == len(counts) - 1 else ""
        raise InputError(
            f"line {number + first_line} of {name} has {n} fields{cut}",
            expected=f"{width}, separated by {_SEPARATORS.get(separator, separator)}, as the "
            f"{'header' if first_line > 1 else 'first line'} has",
            got=f"{len(bad)} lines of another length",
            fix="write the table again, text that holds the separator in double quotes",
        )


def _count_quoted(body: str, separator: str, name: str) -> list[int]:
    try:
        return [len(row) for row in csv.reader(io.StringIO(body), delimiter=separator, strict=True)]
    except csv.Error as error:
        raise InputError(
            f"{name} has a quotation mark that is not closed, or text after one",
            got=str(error),
            fix="double quotation marks inside of quoted text",
        ) from error


def _blank_rows(cells: pd.DataFrame) -> np.ndarray:
    if any(dtype.kind != "O" for dtype in cells.dtypes):  # a column of numbers has no blank cell
        return np.zeros(len(cells), bool)
    return (cells == "").all(axis=1).to_numpy()


def _read(body: str, separator: str, width: int, as_text: set[int]) -> pd.DataFrame:
    if not body.strip("\n"):
        return pd.DataFrame({i: pd.Series([], dtype=object) for i in range(width)})
    # Nothing is taken for missing and the text of text columns is left alone.
    cells = pd.read_csv(
        io.StringIO(body),
        sep=separator,
        header=None,
        names=range(width),
        index_col=False,
        dtype=dict.fromkeys(as_text, str),
        keep_default_na=False,
        na_filter=False,
        low_memory=False,
    )
    flags = [column for column, dtype in cells.dtypes.items() if dtype.kind == "b"]
    return cells.astype(dict.fromkeys(flags, str)) if flags else cells
