"""Joining two lists of spots by name: what does not join is counted, few matches are refused."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from spatialrag.errors import InputError, listing

_ENDING = re.compile(r"-\d+$")  # which run of a chip: 10x Genomics ends barcodes with -1
FEWEST = 0.5  # share of the shorter list that must be found


@dataclass(frozen=True, eq=False)
class Join:
    """Which rows of two lists belong together.

    Parameters
    ----------
    left, right : (n,) int
        Rows, in the order of the left list.
    notes
        How many of each list are left out, and what was done to names.
    """

    left: np.ndarray
    right: np.ndarray
    notes: tuple[str, ...]


def join_names(
    left: np.ndarray,
    right: np.ndarray,
    *,
    called: tuple[str, str],
    subject: str,
    spare: bool = True,
) -> Join:
    """Return the rows that two lists share, by name; by name less ``-1`` where that finds more.

    Parameters
    ----------
    left, right
        Unique names.
    called
        What rows of each list are: ``("barcodes of the matrix", "positions")``.
    subject
        Whose values these are, for messages.
    spare
        Count rows of the right list that nothing on the left asks for.

    Raises
    ------
    InputError
        Fewer than half of the shorter list are found.
    """
    notes: tuple[str, ...] = ()
    right_rows = pd.Index(right).get_indexer(left)
    if (right_rows >= 0).sum() < min(len(left), len(right)):
        bare = [np.array([_ENDING.sub("", str(name)) for name in names]) for names in (left, right)]
        if all(len(set(names)) == len(names) for names in bare):
            tried = pd.Index(bare[1]).get_indexer(bare[0])
            if (tried >= 0).sum() > (right_rows >= 0).sum():
                right_rows = tried
                notes = (f"spots of {subject} joined by name less its ending -1",)
    found = right_rows >= 0
    if found.sum() < max(1, FEWEST * min(len(left), len(right))):
        raise InputError(
            f"{int(found.sum())} of {len(left)} {called[0]} of {subject} are among its "
            f"{len(right)} {called[1]}",
            expected="the same names in both",
            got=f"{called[0]} such as {listing(left[~found], 2)}; {called[1]} such as "
            f"{listing(_not_in(right, left[found]), 2)}",
            fix="check that both are of the same slide, and that nobody changed the names",
        )
    joined = np.flatnonzero(found)
    notes += _left_out(np.asarray(left)[~found], f"{called[0]} of {subject} without {called[1]}")
    if spare:
        others = np.delete(np.asarray(right), right_rows[joined])
        notes += _left_out(others, f"{called[1]} of {subject} without {called[0]}")
    return Join(joined, right_rows[joined], notes)


def _not_in(names: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.asarray(names)[~np.isin(names, others)]


def _left_out(names: np.ndarray, what: str) -> tuple[str, ...]:
    return (f"{len(names)} {what} left out: {listing(names, 3)}",) * bool(len(names))
