"""A self-contained HTML page: pictures inside, no outside links."""

import base64
import io
from collections.abc import Iterable, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from spatialrag.escaping import html_text
from spatialrag.evaluation import columns

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto; padding: 0 1rem;
       color: #222; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: 14px; margin: .5rem 0; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child { text-align: left; }
tr:hover { background: #f6f3fa; }
.note { color: #555; }
.wide { overflow-x: auto; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; font-size: 14px; }
dt { font-weight: 600; } dd { margin: 0; }
"""


def picture(figure: Figure, *, description: str, dpi: int = 110) -> str:
    """Return a figure as an ``<img>`` with its data inside, and close it."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi)
    plt.close(figure)
    data = base64.b64encode(stream.getvalue()).decode()
    return f'<img alt="{html_text(description)}" src="data:image/png;base64,{data}">'


def table(frame: pd.DataFrame, *, index: str) -> str:
    """Return a table; numbers with three decimals, counts with none, absent values as a dash."""
    shown = columns.texts(frame).rename_axis(None)
    with pd.option_context("display.max_colwidth", None):  # else long texts are cut
        text = shown.to_html(border=0, escape=True)
    text = text.replace("<th></th>", f"<th>{html_text(index)}</th>", 1)
    # Wide tables are moved sideways instead of running off the page.
    return f'<div class="wide">{text}</div>'


def legend(frames: Iterable[pd.DataFrame]) -> str:
    """Return a line on each kind of column of the tables, and on rows that are no methods."""
    items = [
        f"<dt>{html_text(name)}</dt><dd>{html_text(text)}</dd>"
        for name, text in columns.legend(frames).items()
    ]
    return f'<dl class="note">{"".join(items)}</dl>'


def preformatted(text: str) -> str:
    """Return text as it stands."""
    return f"<pre>{html_text(text)}</pre>"


def paragraph(text: str, *, note: bool = False) -> str:
    """Return a paragraph of plain text."""
    kind = ' class="note"' if note else ""
    return f"<p{kind}>{html_text(text)}</p>"


def page(title: str, sections: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return the page: a title and (heading, parts) sections."""
    body = [f"<h1>{html_text(title)}</h1>"]
    for heading, parts in sections:
        body += [f"<h2>{html_text(heading)}</h2>"] * bool(heading)
        body += parts
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html_text(title)}</title><style>{_STYLE}</style></head>\n"
        "<body>\n" + "\n".join(body) + "\n</body></html>\n"
    )
