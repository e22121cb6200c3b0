"""Tables and facts on the terminal."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from spatialrag.evaluation.report import CITATION_COLUMNS, CORE_COLUMNS, GLOBAL_COLUMNS, Report


def console() -> Console:
    """Return standard output; wide enough for a table when it is not a terminal."""
    out = Console()
    return out if out.is_terminal else Console(width=160)


def print_frame(frame: pd.DataFrame, *, title: str, index: str = "") -> None:
    """Print a table; numbers with three decimals, absent values as a dash."""
    table = Table(title=title, title_justify="left")
    table.add_column(index)
    for column in frame.columns:
        numeric = pd.api.types.is_numeric_dtype(frame[column])
        table.add_column(str(column), justify="right" if numeric else "left", overflow="fold")
    for name, row in frame.iterrows():
        table.add_row(str(name), *(_cell(value) for value in row))
    console().print(table)


def print_facts(facts: Mapping[str, object]) -> None:
    """Print a line per fact."""
    for name, value in facts.items():
        console().print(f"{name}: {value}", highlight=False)


def _cell(value: object) -> str:
    if value is None or (isinstance(value, (float, np.floating)) and np.isnan(value)):
        return "–"
    return f"{value:.3f}" if isinstance(value, (float, np.floating)) else str(value)


def print_report(report: Report) -> None:
    """Print the mean tables of an evaluation."""
    slides = ", ".join(report.slides)
    for group, columns in (
        ("core", CORE_COLUMNS),
        ("global", GLOBAL_COLUMNS),
        ("citations", CITATION_COLUMNS),
    ):
        frame = report.table(group, columns)
        if not frame.empty:
            counted = f"{count} genes, " if (count := report.n_genes(group)) else ""
            print_frame(frame, title=f"{group} ({counted}mean over {slides})", index="method")
