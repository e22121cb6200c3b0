import io
from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from spatialrag.escaping import csv_cell, csv_text, figure_text, html_text, printable, terminal_text

NASTY = st.text(alphabet="ab[]/\\$_{}^=+-@<>&\"' 1", max_size=15)


@settings(max_examples=200, deadline=None)
@given(NASTY, NASTY)
def test_rich_prints_what_is_written(text, after):
    out = io.StringIO()
    console = Console(file=out, width=200, markup=True, emoji=False, highlight=False)
    console.print("[bold]names[/bold]|", terminal_text(text), terminal_text(after), sep="", end="")
    assert out.getvalue() == f"names|{text}{after}"


def test_rich_tables_too():
    out = io.StringIO()
    table = Table(title=terminal_text("P1 [her2]"))
    table.add_column(terminal_text("s1[/b]"))
    table.add_row(terminal_text("[red]x\\"))
    Console(file=out, width=80).print(table)
    assert "P1 [her2]" in out.getvalue()
    assert "s1[/b]" in out.getvalue()
    assert "[red]x\\" in out.getvalue()


@given(st.text(max_size=20))
def test_no_terminal_obeys_what_is_printed(text):
    shown = printable(text)
    assert all(each.isprintable() or each in "\t\n" or ord(each) >= 160 for each in shown)
    assert not set(shown) & set("\u202e\u2066\u200f")
    assert printable("é 名 µ\n\tx") == "é 名 µ\n\tx"
    assert terminal_text("a\x1b[2J").plain == "a\\x1b[2J"


@pytest.mark.parametrize("text", [r"$\frac{$", "a$b", "a$b$c", "plain", r"\$", "$$"])
def test_matplotlib_draws_it(text):
    figure = Figure()
    figure.suptitle(figure_text(text))
    figure.savefig(io.BytesIO(), format="svg")


@settings(max_examples=100, deadline=None)
@given(NASTY)
def test_html_comes_back(text):
    seen = []

    class Reader(HTMLParser):
        def handle_data(self, data):
            seen.append(data)

        def handle_starttag(self, tag, attrs):
            assert tag == "p"
            assert attrs == [("title", text)]

    Reader().feed(f'<p title="{html_text(text)}">{html_text(text)}</p>')
    assert "".join(seen) == text


def test_formulas():
    assert csv_cell("=1+1") == "'=1+1"
    assert csv_cell("@x") == "'@x"
    assert csv_cell("-cmd") == "'-cmd"
    for same in (-1.5, "-1.5", "+3e4", "S1", None, 7):
        assert csv_cell(same) == same


def test_a_table_for_spreadsheets():
    table = pd.DataFrame({"gene": ["=cmd()", "A1BG"], "r": [-0.5, 0.25]}, index=["-x", "y"])
    assert csv_text(table, index_label="spot").splitlines() == [
        "spot,gene,r", "'-x,'=cmd(),-0.5", "y,A1BG,0.25",
    ]  # fmt: skip
