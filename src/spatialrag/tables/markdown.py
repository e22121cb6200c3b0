"""Tables as Markdown: the one writer of them."""

from collections.abc import Callable

import pandas as pd


def markdown_table(
    table: pd.DataFrame,
    *,
    index: str = "",
    cell: Callable[[object, str], str] = lambda value, _: str(value),
) -> str:
    r"""Return a table as Markdown, without a line break at its end.

    Parameters
    ----------
    table
        Headings, index and values.
    index
        Heading of the index.
    cell
        A value and its heading to text.

    Examples
    --------
    >>> print(markdown_table(pd.DataFrame({"r": [0.5]}, index=["ridge"]), index="method"))
    | method | r |
    |---|---|
    | ridge | 0.5 |
    """
    headings = [str(heading) for heading in table.columns]
    lines = [_line([index, *headings]), "|---" * (len(headings) + 1) + "|"]
    for name, row in zip(table.index, table.itertuples(index=False, name=None), strict=True):
        cells = [cell(value, heading) for value, heading in zip(row, headings, strict=True)]
        lines.append(_line([str(name), *cells]))
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    """Return a row; what would end a cell within one is escaped."""
    escaped = (cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
    return "| " + " | ".join(escaped) + " |"
