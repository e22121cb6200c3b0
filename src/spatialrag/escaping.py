"""Text of users made harmless where it is printed: terminals, figures, HTML and tables of CSV.

Names keep their characters everywhere else; these functions stand at the side that prints.
"""

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from rich.text import Text

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
# Controls but tabs and line feeds, and the marks that turn text around.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: object) -> str:
    r"""Return text without what a terminal would obey: such a character is shown as its escape.

    Examples
    --------
    >>> print(printable("\x1b[31mred"))
    \x1b[31mred
    """
    return _OBEYED.sub(lambda found: ascii(found.group())[1:-1], str(text))


def terminal_text(text: object) -> "Text":
    """Return text that rich prints as it is: ``P1 [her2]`` keeps its brackets.

    A `rich.text.Text` is no markup; it goes where strings go (``console.print``, cells, titles).
    Markup is not escaped instead: a backslash before a closing tag cannot be.
    """
    from rich.text import Text

    return Text(printable(text))


def figure_text(text: object) -> str:
    """Return text that matplotlib draws as it is: ``$`` starts no formula."""
    return str(text).replace("$", r"\$")


def html_text(text: object) -> str:
    """Return text for HTML, also inside of quoted attributes."""
    return html.escape(str(text), quote=True)


def csv_cell(value: object) -> object:
    """Return a cell that a spreadsheet does not take for a formula.

    Text that starts like one gets an apostrophe in front, which spreadsheets hide. Numbers, also
    negative ones written as text, stay as they are.
    """
    if not isinstance(value, str) or not value.startswith(_FORMULA) or _NUMBER.fullmatch(value):
        return value
    return f"'{value}"


def csv_text(table: "pd.DataFrame", *, index_label: str | None = None, index: bool = True) -> str:
    """Return a table as CSV for people, whose cells no spreadsheet takes for formulas.

    Parameters
    ----------
    table
        Text and numbers.
    index_label, index
        Heading of the index, and whether it is written.
    """
    safe = table.map(csv_cell)
    if index and table.index.nlevels == 1:
        safe.index = table.index.map(csv_cell)
    return safe.to_csv(index=index, index_label=index_label)
