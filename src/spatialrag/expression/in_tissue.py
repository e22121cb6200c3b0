"""``in_tissue``: which spots lie under tissue, in whatever words a file says so."""

import numpy as np
import pandas as pd

from spatialrag.errors import InputError, listing

COLUMN = "in_tissue"
_YES = {"1", "1.0", "true", "t", "yes", "y"}
_NO = {"0", "0.0", "false", "f", "no", "n"}


def in_tissue(obs: pd.DataFrame, *, subject: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return which spots lie under tissue, (n_spots,) bool, and a note of how many do not.

    All do where there is no such column.

    Parameters
    ----------
    obs
        Columns about spots.
    subject
        Whose values these are, for messages.

    Raises
    ------
    InputError
        A value that is neither yes nor no, or no spot under tissue.
    """
    if COLUMN not in obs:
        return np.ones(len(obs), bool), ()
    values = obs[COLUMN].astype(object).map(lambda value: str(value).strip().lower()).to_numpy(str)
    inside = np.isin(values, sorted(_YES))
    unknown = ~inside & ~np.isin(values, sorted(_NO))
    if unknown.any():
        first = np.flatnonzero(unknown)[0]
        raise InputError(
            f"{COLUMN} of {subject} says neither yes nor no for {int(unknown.sum())} spots",
            expected="1 or 0, True or False",
            got=f"{listing(sorted(set(values[unknown])))} (first: {obs.index[first]})",
        )
    if len(inside) and not inside.any():
        raise InputError(f"no spot of {subject} lies under tissue", got=f"{COLUMN} 0 throughout")
    note = f"{int((~inside).sum())} of {len(inside)} spots of {subject} outside the tissue left out"
    return inside, (note,) * bool((~inside).any())
