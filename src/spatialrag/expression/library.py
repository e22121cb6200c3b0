"""Several slides in one file: told from its columns, names and places; one is selected by name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from spatialrag import keys
from spatialrag.errors import InputError, listing

# Columns that name slides. The first four say nothing else; the others may name regions or runs.
_SLIDES = ("library_id", "library", "slide", "slide_id")
_MAYBE = (
    "sample", "sample_id", "section", "section_id", "batch", "dataset", "orig.ident", "specimen",
)  # fmt: skip
_BARCODE = re.compile(r"[ACGT]{14,}|s_\d{3}um_\d+_\d+|^\d+x\d+(?=$|[-_.:])")
_ONE_PLACE = 0.2  # share of spots that share a place with, or are nearest to, another slide's


@dataclass(frozen=True)
class Selection:
    """Spots of one slide.

    Parameters
    ----------
    spots : (n_spots,) bool
    library
        Name of the slide within the file; empty where it has one only.
    notes
    """

    spots: np.ndarray
    library: str
    notes: tuple[str, ...] = ()


def select_library(
    obs: pd.DataFrame,
    pictures: Mapping[str, object],
    xy: np.ndarray | None,
    *,
    library: str | None,
    slide: str | None,
    subject: str,
) -> Selection:
    """Return the spots of one slide of a file.

    Parameters
    ----------
    obs
        Columns about spots, names in the index.
    pictures
        ``uns['spatial']``: libraries by name.
    xy : (n_spots, 2), optional
    library
        A name in a column that names slides, or ``column=name``.
    slide
        Name the user gave the slide; it selects where it is one of several.
    subject
        The file, for messages.

    Raises
    ------
    InputError
        Several slides of which none is named, or no such name.
    """
    everything = np.ones(len(obs), bool)
    if library is not None:
        return _named(obs, pictures, xy, library, subject)
    column = slides_column(obs, pictures, xy)
    if column is not None:
        labels = _labels(obs[column])
        if slide is not None and slide in labels:
            return _of_labels(labels, slide, subject)
        names = sorted(set(labels.tolist()))
        counted = [f"{name or 'without a name'} ({(labels == name).sum()} spots)" for name in names]
        example = next(name for name in names if name)
        raise InputError(
            f"{subject} holds several slides (column {column!r})",
            expected="one slide, or the name of one",
            got=listing(counted, 10),
            fix=f"name it: library={example!r} (column library of slides.csv), or write a file "
            "per slide",
        )
    sign = _sign(obs, pictures, xy)
    if sign:
        raise InputError(
            f"{subject} holds several slides, and no column says which spot is of which",
            expected="one slide, or a column library_id",
            got=sign,
            fix="write a file per slide",
        )
    name = next(iter(pictures)) if len(pictures) == 1 else ""
    return Selection(everything, str(name))


def libraries_of(uns: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    """Return ``uns['spatial']`` where it is what scanpy writes: libraries by name."""
    found = uns.get(keys.SPATIAL, {})
    if not isinstance(found, Mapping):
        return {}
    return {str(name): entry for name, entry in found.items() if isinstance(entry, Mapping)}


def _named(
    obs: pd.DataFrame,
    pictures: Mapping[str, object],
    xy: np.ndarray | None,
    library: str,
    subject: str,
) -> Selection:
    column, equals, name = library.partition("=")
    if equals and column in obs:
        labels = _labels(obs[column])
        if name in labels:
            return _of_labels(labels, name, subject)
        raise InputError(
            f"{subject} has no slide {library!r}",
            expected=f"{column}= one of {listing(sorted(set(labels) - {''}), 20)}",
        )
    known: set[str] = set()
    for column in (*_SLIDES, *_MAYBE):
        if column in obs:
            labels = _labels(obs[column])
            if library in labels:
                return _of_labels(labels, library, subject)
            known |= set(labels) - {""}
    if library in pictures and slides_column(obs, pictures, xy) is None:
        return Selection(np.ones(len(obs), bool), library)
    raise InputError(
        f"{subject} has no slide {library!r}",
        expected=f"one of {listing(sorted(known | set(pictures)), 20) or 'no names at all'}",
        fix="name it as the file does, or COLUMN=NAME for another column",
    )


def _of_labels(labels: np.ndarray, name: str, subject: str) -> Selection:
    spots = labels == name
    others = listing(sorted(set(labels[~spots].tolist())), 3)
    n = int((~spots).sum())
    note = f"{n} of {len(spots)} spots of {subject} are of other slides ({others}) and left out"
    return Selection(spots, name, (note,) * bool((~spots).any()))


def slides_column(
    obs: pd.DataFrame, pictures: Mapping[str, object], xy: np.ndarray | None
) -> str | None:
    """Return the column by which a file holds several slides, or None.

    Parameters
    ----------
    obs
        Columns about spots, names in the index.
    pictures
        As in `libraries_of`.
    xy : (n_spots, 2), optional
        Columns such as ``batch`` tell slides where spots of one label lie over those of another.
    """
    varying = [c for c in (*_SLIDES, *_MAYBE) if c in obs and len(set(_labels(obs[c]))) > 1]
    sure = next((column for column in varying if column in _SLIDES), None)
    if sure is not None:
        return sure
    # A column such as batch or section may also name parts of one slide: the rest tells.
    for column in varying:
        labels = _labels(obs[column])
        if len(pictures) > 1 and set(labels) <= set(pictures):
            return column
        if _tells_apart(obs.index, labels) or (xy is not None and _overlap(xy, labels)):
            return column
    return None


def _tells_apart(names: pd.Index, labels: np.ndarray) -> bool:
    """Return whether barcodes occur twice, and once only within a label."""
    cores = _cores(names)
    if cores is None or not pd.Series(cores).duplicated().any():
        return False
    return not pd.DataFrame({"core": cores, "label": labels}).duplicated().any()


def _overlap(xy: np.ndarray, labels: np.ndarray) -> bool:
    """Return whether labels lie over each other, as slides do and parts of one slide do not.

    Then many spots are nearer to one of another label than to any of their own.
    """
    own, other = (np.full(len(xy), np.inf) for _ in range(2))
    for label in set(labels.tolist()):
        mine = labels == label
        if 1 < mine.sum() < len(xy):
            own[mine] = cKDTree(xy[mine]).query(xy[mine], k=2)[0][:, 1]
            other[mine] = cKDTree(xy[~mine]).query(xy[mine])[0]
    return bool((other < own).mean() > _ONE_PLACE)


def _sign(obs: pd.DataFrame, pictures: Mapping[str, object], xy: np.ndarray | None) -> str:
    """Return what says that a file holds several slides though no column does, or nothing."""
    named = [c for c in _SLIDES if c in obs]  # one slide of a file that had more
    if len(pictures) > 1 and not named:
        return f"{len(pictures)} libraries in uns['spatial']: {listing(pictures)}"
    cores = _cores(obs.index)
    if cores is not None and len(again := cores[pd.Series(cores).duplicated().to_numpy()]):
        return f"{len(again)} barcodes occur twice, e.g. {again[0]}"
    if xy is not None and len(xy) > 4:
        _, counts = np.unique(xy, axis=0, return_counts=True)
        shared = counts[counts > 1].sum()
        if shared > _ONE_PLACE * len(xy):
            return f"{shared} of {len(xy)} spots lie where another lies"
    return ""


def _cores(names: pd.Index) -> np.ndarray | None:
    """Return barcodes less what was added to tell slides apart; None where names hold none."""
    found = [match.group() for name in names if (match := _BARCODE.search(str(name)))]
    return np.array(found, object) if found and len(found) == len(names) else None


def _labels(column: pd.Series) -> np.ndarray:
    """Return names of slides as text; empty where one is missing."""
    return np.array([label_text(value) for value in column.astype(object)], object).astype(str)


def label_text(value: object) -> str:
    """Return a label as text: trimmed, whole numbers without fraction, empty where missing."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        value = int(value)
    return str(value).strip()
