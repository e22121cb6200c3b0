"""Cells to numbers: decimal commas are understood where they are beyond doubt, else refused."""

import re

import numpy as np
import pandas as pd

from spatialrag.errors import InputError, listing

_POINT = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_COMMA = re.compile(r"\s*[+-]?\d*,\d+([eE][+-]?\d+)?\s*")
_THOUSANDS = re.compile(r"\s*[+-]?\d{1,3},\d{3}\s*")


def is_number(text: str) -> bool:
    """Return whether a cell is a finite number, with a point or a decimal comma."""
    return bool(_POINT.fullmatch(text) or _COMMA.fullmatch(text))


def parse_number(text: str, *, what: str) -> float:
    """Return a number a user wrote: ``0.5``, or ``0,5``.

    Raises
    ------
    InputError
        No number, or one such as ``1,234`` that may be a thousand or one and a bit.
    """
    if _POINT.fullmatch(text) or (_COMMA.fullmatch(text) and not _THOUSANDS.fullmatch(text)):
        return _number(text)
    raise InputError(f"{what} is no number", expected="such as 0.5", got=repr(text))


def to_numbers(
    frame: pd.DataFrame, *, name: str, commas: bool = False
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return a table's cells as float64 (n_rows, n_columns), and notes.

    Parameters
    ----------
    frame
        Rows and columns named.
    name
        Name of the file, for messages.
    commas
        A comma can only be a decimal one: the file is separated by semicolons.

    Raises
    ------
    InputError
        The first cell that is text, empty or not finite, with its row and column.
    """
    values = np.empty(frame.shape, np.float64, order="F")  # filled by columns
    converted = 0
    numeric = np.array([dtype.kind in "iuf" for dtype in frame.dtypes], bool)
    values[:, numeric] = frame.loc[:, numeric].to_numpy(np.float64, na_value=np.nan)
    written = np.flatnonzero(~numeric).tolist()
    texts = {j: frame.iloc[:, j].astype(str).to_numpy(object) for j in written}
    if texts and not commas:
        _refuse_thousands(texts, frame, name)
    for j, cells in texts.items():
        values[:, j], found = _of_text(cells)
        converted += found
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        _refuse_cell(frame, bad, name)
    notes = (f"{converted} decimal commas of {name} read as points",) * bool(converted)
    return values, notes


def _of_text(cells: np.ndarray) -> tuple[np.ndarray, int]:
    """Return numbers, NaN where there is none, and how many had a decimal comma."""
    numbers, commas = np.full(len(cells), np.nan), 0
    for i, cell in enumerate(cells):
        if _POINT.fullmatch(cell):
            numbers[i] = _number(cell)
        elif _COMMA.fullmatch(cell):
            numbers[i] = _number(cell)
            commas += 1
    return numbers, commas


def _number(cell: str) -> float:
    # float() knows fewer kinds of white space than the patterns do.
    return float(cell.strip().replace(",", "."))


def _refuse_thousands(texts: dict[int, np.ndarray], frame: pd.DataFrame, name: str) -> None:
    """Raise when every comma of the table could separate thousands."""
    places = [
        (i, j)
        for j, cells in texts.items()
        for i, cell in enumerate(cells)
        if _COMMA.fullmatch(cell)
    ]
    if places and all(_THOUSANDS.fullmatch(texts[j][i]) for i, j in places):
        i, j = places[0]
        raise InputError(
            f"{name} has numbers whose comma may be a decimal one or separate thousands",
            expected="a decimal point, and no separators of thousands",
            got=f"{texts[j][i]!r} in row {str(frame.index[i])!r}, column {str(frame.columns[j])!r}",
            fix="write numbers with a decimal point",
        )


def _refuse_cell(frame: pd.DataFrame, bad: np.ndarray, name: str) -> None:
    i, j = bad[0]
    cell = frame.iloc[i, j]
    columns = list(dict.fromkeys(str(frame.columns[column]) for _, column in bad))
    shown = "an empty cell" if str(cell).strip() == "" or cell is None else repr(str(cell))
    raise InputError(
        f"{name} has cells that are not numbers: {len(bad)} of {frame.size}",
        expected="a finite number in every cell",
        got=f"{shown} in row {str(frame.index[i])!r}, column {str(frame.columns[j])!r}",
        fix=f"fill or remove what is missing; columns concerned: {listing(columns)}",
    )
