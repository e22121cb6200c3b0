"""Tables and facts on the terminal."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:  # a verb without tables starts sooner
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from spatialrag.evaluation.report import Report
    from spatialrag.jobs.prediction import PredictResult

_PIPED = 160  # columns where output is no terminal and COLUMNS is not set
_FOLDED = 24  # a wider column of text may be folded to this
_BETWEEN = 2  # spaces behind a column


def console() -> Console:
    """Return standard output; wide enough for a table when it is not a terminal.

    Names of slides and genes are printed as they are: brackets are no markup.
    """
    piped = not Console().is_terminal and "COLUMNS" not in os.environ
    return Console(width=_PIPED if piped else None, markup=False, highlight=False)


def print_frame(frame: pd.DataFrame, *, title: str, index: str = "") -> None:
    """Print a table, in parts one below the other where it is too wide.

    Numbers have three decimals, counts none; absent values are a dash.
    """
    from pandas.api.types import is_numeric_dtype

    from spatialrag.evaluation.columns import texts

    out = console()
    shown = texts(frame)
    numeric = [is_numeric_dtype(frame[name]) for name in frame.columns]
    for number, chosen in enumerate(_parts(shown, numeric, index, out.width)):
        out.print(Text(title + ", continued" * (number > 0), style="bold"))
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column(Text(index), overflow="fold")
        for place in chosen:
            table.add_column(
                Text(shown.columns[place]),
                justify="right" if numeric[place] else "left",
                overflow="fold",
            )
        for name, row in shown.iterrows():
            table.add_row(Text(name), *(Text(row.iloc[place]) for place in chosen))
        out.print(table)


def _parts(
    shown: pd.DataFrame, numeric: Sequence[bool], index: str, width: int
) -> Iterator[list[int]]:
    """Yield places of columns that fit beside the index; at least one at a time."""
    first = max(map(len, [index, *shown.index])) + _BETWEEN
    chosen: list[int] = []
    used = first
    for place, heading in enumerate(shown.columns):
        longest = max(map(len, [heading, *shown[heading]]))
        needed = _BETWEEN + (longest if numeric[place] else min(longest, _FOLDED))
        if chosen and used + needed > width:
            yield chosen
            chosen, used = [], first
        chosen.append(place)
        used += needed
    yield chosen


def print_legend(frames: Sequence[pd.DataFrame], *, note: str = "") -> None:
    """Print a line on each kind of column of the tables above, and on rows that are no methods."""
    from spatialrag.evaluation.columns import legend

    out = console()
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for name, text in legend(frames).items():
        grid.add_row(Text(name), Text(text))
    out.print(grid)
    if note:
        out.print(note, highlight=False)


def print_notes(notes: Sequence[str]) -> None:
    """Print what reading left out or changed, and what else is to be said, a line each."""
    from spatialrag.escaping import terminal_text

    for note in notes:
        console().print(terminal_text(f"note: {note}"))


def print_facts(facts: Mapping[str, object]) -> None:
    """Print a line per fact, numbers to four digits: JSON has all of them."""
    for name, value in facts.items():
        said = f"{value:.4g}" if isinstance(value, float) else value
        console().print(f"{name}: {said}", highlight=False)


def print_prediction(result: PredictResult, out: Path, *, verb: str) -> None:
    """Print what a prediction came to, where it lies, and what to do with it next.

    Parameters
    ----------
    result
        Of the job.
    out
        The file it was written to.
    verb
        Which explains it.
    """
    from spatialrag.jobs.prediction import example_of

    print_notes(result.notes)
    print_facts(result.facts)
    prediction = result.prediction
    parts = ["a value for every spot and gene"]
    parts += ["citations with their groups"] * (prediction.citations is not None)
    parts += ["patches"] * (prediction.thumbnails is not None)
    parts += ["the slide"] * (prediction.tissue is not None)
    spot, gene = example_of(prediction)
    command = ["spatialrag", *verb.split(), str(out), "--spot", spot, "--gene", gene]
    written = f"written: {out} ({', '.join(parts)})"
    console().print(f"{written}\nnext: {shlex.join(command)}", soft_wrap=True)


def print_report(report: Report) -> None:
    """Print the mean tables of an evaluation, and what their columns are."""
    from spatialrag.evaluation.report import CITATION_COLUMNS, CORE_COLUMNS, GLOBAL_COLUMNS

    slides, frames = ", ".join(report.slides), []
    for group, columns in (
        ("core", CORE_COLUMNS),
        ("global", GLOBAL_COLUMNS),
        ("citations", CITATION_COLUMNS),
    ):
        frame = report.table(group, columns)
        if not frame.empty:
            counted = f"{count} genes, " if (count := report.n_genes(group)) else ""
            print_frame(frame, title=f"{group} ({counted}mean over {slides})", index="method")
            frames.append(frame)
    print_legend(frames, note=report.surrogates_note)
