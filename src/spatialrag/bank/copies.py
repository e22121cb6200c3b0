"""Slides of a bank that a query is a copy of: by name, by picture, by counts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from spatialrag.bank.bank import Bank, section_of
from spatialrag.errors import InputError, listing
from spatialrag.expression.equal_spots import (
    gene_weights,
    share_of_equal_spots,
    spot_keys,
)
from spatialrag.expression.section import Section
from spatialrag.slides.keypoints import Keypoints
from spatialrag.slides.likeness import LIKE, likeness
from spatialrag.slides.picture_marks import PictureMarks
from spatialrag.slides.spots import spot_pitch

Evidence = Literal["name", "image", "likeness", "counts"]
EQUAL_SPOTS = (
    0.1  # share of equal spots from which on counts were copied; honest sections have none
)
_WORDS = {
    "name": "the same name",
    "image": "the same picture",
    "likeness": "a picture of the same tissue, likeness {score:.2f}",
    "counts": "the same counts in {score:.0%} of the spots",
}


@dataclass(frozen=True)
class Copy:
    """A slide of a bank that a query is a copy of.

    Parameters
    ----------
    slide
        Slide of the bank.
    by
        What tells it, the surest first: its ``name``, the same pixels (``image``), a picture that
        was saved again, resized or cut (``likeness``), or equal ``counts``.
    score
        1 for name and image; the likeness, or the share of equal spots.
    """

    slide: str
    by: Evidence
    score: float = 1.0

    def __str__(self) -> str:
        return f"{self.slide} ({_WORDS[self.by].format(score=self.score)})"


def find_copies(
    bank: Bank,
    *,
    slide: str,
    marks: PictureMarks | None = None,
    xy: np.ndarray | None = None,
    section: Section | None = None,
) -> tuple[Copy, ...]:
    """Return the slides of a bank that a query is a copy of, one record each.

    Equal places alone are no sign: arrays share their grids. A slide of the bank whose marks are
    unknown (`unmarked_slides`) is found by name and counts alone.

    Parameters
    ----------
    bank
        All of it: what the user excludes is told apart by `leave_out_copies`.
    slide
        Name of the query.
    marks
        Marks of its picture; None without one.
    xy : (n_spots, 2), optional
        Its spots on that picture, full-resolution pixels: several sections on one scan, whose
        spots lie apart, are no copies of each other.
    section
        Its measured counts, where there are any.
    """
    return _find(bank, bank.slides.index, _Query(slide, marks, xy, section))


def copies_within(bank: Bank, slide: str) -> tuple[Copy, ...]:
    """Return the other slides of a bank that one of its own is a copy of."""
    query = _Query(slide, marks_of(bank, slide), _places(bank, slide), section_of(bank, slide))
    return _find(bank, bank.slides.index.drop(slide), query)


def leave_out_copies(
    bank: Bank,
    copies: Sequence[Copy],
    *,
    query: str,
    allow_self: bool = False,
    excluded: Collection[str] = (),
) -> tuple[Bank, tuple[str, ...]]:
    """Return what a query may be predicted from, and what there is to say about it.

    A slide of the query's name is left out. A copy under another name is refused, unless the user
    excludes it or allows the query to be predicted from itself.

    Parameters
    ----------
    bank
        References, with or without the slides that the user excludes.
    copies
        By `find_copies`.
    query
        Name of the query.
    allow_self
        Keep every copy, and say so.
    excluded
        Slides that the user leaves out in any case.

    Returns
    -------
    bank
        Less ``excluded``, and less the slide of the query's name.
    notes
        A sentence each.

    Raises
    ------
    InputError
        A copy under another name that is not excluded, or nothing would be left.
    """
    gone = {copy.slide for copy in copies} - set(bank.slides.index)
    out = set(excluded) - gone
    kept = [copy for copy in copies if copy.slide not in gone | out]
    notes = [f"{copy} is left out, as asked" for copy in copies if copy not in kept]
    if allow_self:
        notes += [f"{query} may be predicted from its copy {copy}: allowed" for copy in kept]
    else:
        own = [copy for copy in kept if copy.by == "name"]
        _refuse([copy for copy in kept if copy.by != "name"], query)
        out |= {copy.slide for copy in own}
        notes += [f"{copy.slide} of the bank has the query's name and is left out" for copy in own]
    left = bank.without(slides=out)
    unknown = unmarked_slides(left)
    if unknown:
        notes.append(
            f"copies of {listing(unknown)} are not found by their pictures: the bank has no marks "
            "of these (build it again from their images)"
        )
    return left, tuple(notes)


def describe_copies(copies: Sequence[Copy], bank: Bank) -> list[dict[str, str | float | bool]]:
    """Return copies as plain values, for ``prediction.record["copies"]``.

    Parameters
    ----------
    copies
        By `find_copies`.
    bank
        What is predicted from: a copy that it holds is not ``left_out``.
    """
    return [
        {
            "slide": copy.slide,
            "by": copy.by,
            "score": round(float(copy.score), 4),
            "left_out": copy.slide not in bank.slides.index,
        }
        for copy in copies
    ]


def marks_of(bank: Bank, slide: str) -> PictureMarks:
    """Return what a bank holds of a slide's picture; stores of version 0.1 hold nothing."""
    columns = bank.slides.loc[slide]
    return PictureMarks.of_columns({str(name): columns[name] for name in columns.index})


def unmarked_slides(bank: Bank) -> list[str]:
    """Return the slides whose pictures a bank does not know."""
    return [name for name in bank.slides.index if not marks_of(bank, name).image_hash]


@dataclass(frozen=True, eq=False)
class _Query:
    """What is known of a query: see `find_copies`."""

    slide: str
    marks: PictureMarks | None
    xy: np.ndarray | None
    section: Section | None


def _find(bank: Bank, names: pd.Index, query: _Query) -> tuple[Copy, ...]:
    suspects = set() if query.section is None else _with_equal_spots(bank, query.section)
    found = []
    for name in names:
        copy = Copy(name, "name") if name == query.slide else None
        if copy is None and query.marks is not None:
            copy = _by_picture(bank, name, query.marks, query.xy)
        if copy is None and query.section is not None and name in suspects:
            copy = _by_counts(bank, name, query.section)
        if copy is not None:
            found.append(copy)
    return tuple(found)


def _by_picture(bank: Bank, name: str, marks: PictureMarks, xy: np.ndarray | None) -> Copy | None:
    known = marks_of(bank, name)
    if not marks.image_hash or marks.image_hash != known.image_hash:
        return _by_likeness(name, known, marks)
    return None if xy is not None and _apart(xy, _places(bank, name)) else Copy(name, "image")


def _places(bank: Bank, slide: str) -> np.ndarray:
    return bank.references.loc[bank.references["slide"] == slide, ["x", "y"]].to_numpy(float)


def _apart(xy: np.ndarray, others: np.ndarray) -> bool:
    """Return whether no spot of one section lies within a pitch of a spot of the other."""
    if len(xy) < 2 or len(others) < 2 or not (np.isfinite(xy).all() and np.isfinite(others).all()):
        return False
    distance, _ = cKDTree(others).query(xy)
    return bool(distance.min() > max(spot_pitch(xy), spot_pitch(others)))


def _by_likeness(name: str, known: PictureMarks, marks: PictureMarks) -> Copy | None:
    one, other = Keypoints.of_text(known.keypoints), Keypoints.of_text(marks.keypoints)
    if one is None or other is None:
        return None
    score = likeness(one, other)
    return Copy(name, "likeness", score) if score >= LIKE else None


def _with_equal_spots(bank: Bank, section: Section) -> set[str]:
    """Return the slides with a spot that equals one of the section over the genes all measured.

    Spots that are equal over the genes of two slides are equal over these: a quick sieve.
    """
    columns = pd.Index(section.genes).get_indexer(bank.genes)
    shared = bank.measured_everywhere & (columns >= 0)
    weights = np.where(shared, gene_weights(len(bank.genes)), 0)
    of_section = np.zeros(len(section.genes), np.uint64)
    of_section[columns[shared]] = weights[shared]
    by_genes = "log1p_cp10k" in (bank.scale, section.scale)
    wanted = spot_keys(section.expression, of_section, scale=section.scale, by_genes=by_genes)
    keys = spot_keys(bank.expression, weights, scale=bank.scale, by_genes=by_genes)
    return set(bank.references["slide"][np.isin(keys, wanted)])


def _by_counts(bank: Bank, name: str, section: Section) -> Copy | None:
    position = bank.slides.index.get_loc(name)
    rows, measured = bank.slide_of == position, np.flatnonzero(bank.measured[:, position])
    columns = pd.Index(section.genes).get_indexer(bank.genes[measured])
    share = share_of_equal_spots(
        bank.expression[rows][:, measured[columns >= 0]],
        section.expression[:, columns[columns >= 0]],
        scales=(bank.scale, section.scale),
    )
    return Copy(name, "counts", share) if share >= EQUAL_SPOTS else None


def _refuse(copies: Sequence[Copy], query: str) -> None:
    """Raise `InputError` that names every copy under another name."""
    if not copies:
        return
    options = " ".join(f"--exclude-slide {copy.slide}" for copy in copies)
    names = [copy.slide for copy in copies]
    raise InputError(
        f"{query} is in the bank under another name: it would be predicted from itself",
        expected="references that are not the query",
        got=listing([str(copy) for copy in copies], 8),
        fix=f"leave them out: {options} (excluded={names!r}); or, if this is meant, allow it: "
        "--allow-self (allow_self=True)",
    )
