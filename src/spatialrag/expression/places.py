"""Where spots are, whatever form a file gives it: arrays, named columns, columns of ``obs``."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag import keys
from spatialrag.errors import InputError, listing
from spatialrag.tables.columns import place_columns
from spatialrag.tables.numbers import to_numbers

_OTHER_KEYS = ("X_spatial", "spatial_fullres")
_ALIKE = 1e-6  # share of the range below which a third coordinate is constant


def places_of(
    obsm: Mapping[str, object],
    obs: pd.DataFrame,
    *,
    subject: str,
    key: str = keys.SPATIAL,
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return spot centres (n_spots, 2) float64, x right, y down, and notes; None without any.

    In this order: ``obsm[key]``, other usual keys of ``obsm``, columns of ``obs`` known to hold
    pixels. Of named columns those called x and y, ``imagecol`` and ``imagerow``, … are used,
    wherever they stand; of arrays two columns, and a third that is constant is left out.

    Parameters
    ----------
    obsm, obs
        Arrays and columns of an AnnData, or ``{}`` and the columns of a table.
    subject
        Whose values these are, for messages.
    key
        Of ``obsm``; one that was asked for must be there.

    Raises
    ------
    InputError
        No such key, columns that do not say which is x, a third coordinate that varies, text or
        missing values.
    """
    if key in obsm:
        return _of_element(obsm[key], obs.index, f"obsm[{key!r}] of {subject}")
    if key != keys.SPATIAL:
        raise InputError(f"{subject} has no obsm[{key!r}]", got=listing(obsm) or "no obsm")
    for other in _OTHER_KEYS:
        if other in obsm:
            xy, notes = _of_element(obsm[other], obs.index, f"obsm[{other!r}] of {subject}")
            return xy, (*notes, f"places of {subject} taken from obsm[{other!r}]")
    pair = place_columns([str(column) for column in obs.columns])
    if pair is None:
        return None, ()
    refuse_depth(obs, subject=subject)
    xy, notes = to_numbers(_plain(obs[list(pair)]), name=f"{' and '.join(pair)} of {subject}")
    return xy, (*notes, f"places of {subject} taken from the columns {pair[0]} and {pair[1]}")


def refuse_depth(frame: pd.DataFrame, *, subject: str) -> None:
    """Raise `InputError` when a column z varies: spots of several sections, or of a volume."""
    z = next((name for name in frame.columns if str(name).lower() == "z"), None)
    if z is None:
        return
    depth, _ = to_numbers(_plain(frame[[z]]), name=subject)
    if len(depth) and np.ptp(depth) > 0:
        raise InputError(
            f"{subject} has a depth z that varies",
            expected="one section: spots in a plane",
            got=f"z from {depth.min():g} to {depth.max():g}",
            fix="give each section by itself",
        )


def _of_element(element: Any, spots: pd.Index, subject: str) -> tuple[np.ndarray, tuple[str, ...]]:
    if isinstance(element, pd.DataFrame):
        return _of_frame(element, subject)
    array = element.toarray() if sparse.issparse(element) else np.asarray(element)
    if array.ndim != 2 or array.shape[1] < 2 or len(array) != len(spots):
        raise InputError(
            f"{subject} holds no places",
            expected=f"(n_spots, 2): ({len(spots)}, 2)",
            got=str(array.shape),
        )
    names = [f"column {j}" for j in range(array.shape[1])]
    values, notes = to_numbers(_plain(pd.DataFrame(array, spots, names)), name=subject)
    if values.shape[1] == 2:
        return values, notes
    rest = np.ptp(values[:, 2:], axis=0) if len(values) else np.zeros(1)
    size = np.ptp(values[:, :2]) if len(values) else 1.0
    if (rest > _ALIKE * max(size, 1e-300)).any():
        raise InputError(
            f"{subject} has {values.shape[1]} columns without names, and more than two vary",
            expected="two columns, x and y, or a table whose columns are named x and y",
            got=f"the third from {values[:, 2].min():g} to {values[:, 2].max():g}: a depth, or "
            "the first is a number of the spot?",
            fix="keep x and y alone; of several depths, give each section by itself",
        )
    return values[:, :2], (*notes, f"a constant third column of {subject} left out")


def _of_frame(frame: pd.DataFrame, subject: str) -> tuple[np.ndarray, tuple[str, ...]]:
    names = [str(name) for name in frame.columns]
    frame = frame.set_axis(names, axis=1)
    pair = place_columns(names)
    if pair is None and len(names) != 2:
        raise InputError(
            f"{subject} does not say which columns are x and y",
            expected="columns x and y",
            got=f"columns {listing(names, 10)}",
            fix="name them x and y",
        )
    refuse_depth(frame, subject=subject)
    values, notes = to_numbers(_plain(frame[list(pair or names)]), name=subject)
    if pair is not None and names != list(pair):
        notes += (f"columns {pair[0]} and {pair[1]} of {subject} used",)
    return values, notes


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return columns of numbers or text: no categories, no booleans."""
    return frame.apply(
        lambda column: (
            column
            if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
            else column.astype(object).where(column.notna(), "").map(_decoded)
        )
    )


def _decoded(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
