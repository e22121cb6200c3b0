"""Progress of long work: a bar on a terminal, elsewhere a line every half minute."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")
SILENCE = 30.0  # seconds between two lines, where there is no terminal


def track(items: Iterable[Item], *, label: str, total: int) -> Iterator[Item]:
    """Yield the items, showing on standard error how far they are.

    Parameters
    ----------
    items
        What is worked on, one after the other.
    label
        What the work is.
    total
        How many items there are.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield from _told(items, label, total)
        return
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        yield from bar.track(items, total=total)


def _told(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    """Yield the items; work of less than half a minute says nothing."""
    began = said = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if now - said >= SILENCE:
            sys.stderr.write(f"{label}: {done} of {total} after {now - began:.0f} s\n")
            said = now
        yield item
