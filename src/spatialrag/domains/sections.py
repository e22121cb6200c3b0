"""Which section each spot is of: a column that names them, and files that hold several unsaid."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_mutual_info_score

from spatialrag.errors import InputError, listing
from spatialrag.expression.library import (
    label_text,
    libraries_of,
    select_library,
    slides_column,
)

_FOLLOWED = 0.5  # adjusted mutual information of domains and sections, above which they are alike
_ALIKE = 0.9  # shared spots over all spots of a domain and a section that are taken for the same


def section_labels(obs: pd.DataFrame, column: str) -> np.ndarray:
    """Return the section of each spot as text, (n_spots,).

    Parameters
    ----------
    obs
        Columns about spots.
    column
        That names sections.

    Raises
    ------
    InputError
        No such column, or spots without a section.
    """
    if column not in obs:
        raise InputError(f"there is no {column!r}", expected=listing(obs.columns, 20))
    labels = np.array([label_text(value) for value in obs[column].astype(object)], object)
    absent = np.array([label.lower() in ("", "nan", "<na>") for label in labels], bool)
    if absent.any():
        raise InputError(
            f"{int(absent.sum())} of {len(labels)} spots have no section in column {column!r}",
            expected="a section for every spot",
            got=f"none for {listing(obs.index[absent])}",
            fix="name their sections, or leave these spots out",
        )
    return labels.astype(str)


def refuse_several(
    obs: pd.DataFrame, uns: Mapping[str, object], xy: np.ndarray | None, *, subject: str
) -> None:
    """Raise `InputError` when a file holds several sections and nothing was said about them.

    Spots of one would be neighbors of another's. Places that several spots share are no sign
    alone: segmented cells share them too.

    Parameters
    ----------
    obs, uns
        Columns and unstructured part of the AnnData.
    xy : (n_spots, 2), optional
    subject
        Whose values these are, for messages.
    """
    pictures = libraries_of(uns)
    column = slides_column(obs, pictures, xy)
    if column is None:
        select_library(obs, pictures, None, library=None, slide=None, subject=subject)
        return
    names, counts = np.unique(
        [label_text(value) or "without a name" for value in obs[column].astype(object)],
        return_counts=True,
    )
    counted = [f"{name} ({n} spots)" for name, n in zip(names, counts, strict=True)]
    raise InputError(
        f"{subject} holds several sections (column {column!r}), and spots of one would be "
        "neighbors of another's",
        expected="one section, or the column that names sections",
        got=listing(counted, 10),
        fix=f"--section {column} (section_key={column!r}) keeps them apart, --library "
        f"{names[0]} takes one of them",
    )


def following_sections(labels: np.ndarray, sections: np.ndarray) -> str:
    """Return in words that domains follow sections rather than tissue; empty where they do not.

    Parameters
    ----------
    labels : (n_spots,)
        Domains.
    sections : (n_spots,)
    """
    table = pd.crosstab(np.asarray(labels), np.asarray(sections)).to_numpy()
    if min(table.shape) < 2:
        return ""
    union = table.sum(axis=1)[:, None] + table.sum(axis=0) - table
    same = int((table / union >= _ALIKE).sum())
    shared = adjusted_mutual_info_score(np.asarray(sections), np.asarray(labels))
    if not same and shared < _FOLLOWED:
        return ""
    return (
        f"domains follow sections: {same} of {table.shape[0]} are one section each, adjusted "
        f"mutual information {shared:.2f}; differences between sections (batches) outweigh those "
        "between places"
    )
