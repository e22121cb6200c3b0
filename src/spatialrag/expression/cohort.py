"""A cohort: the sections a ``slides.csv`` (or a HER2ST repository) describes."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from spatialrag.errors import InputError, listing, raise_all
from spatialrag.expression.her2st import her2st_sections, read_her2st_section
from spatialrag.expression.read import read_section
from spatialrag.expression.section import Section
from spatialrag.progress import track

REQUIRED = ("slide", "donor", "expression")
OPTIONAL = ("image", "mpp", "pitch_um")


def read_cohort(table: str | Path) -> list[Section]:
    """Read every section of a cohort table.

    Parameters
    ----------
    table
        CSV with the columns ``slide``, ``donor``, ``expression`` and optionally ``image``,
        ``mpp`` (µm per pixel) and ``pitch_um`` (spot pitch in µm, from which mpp is derived).
        Paths are relative to the table.
    """
    table = Path(table)
    rows = _read_rows(table)
    sections = []
    for row in track(rows, label="sections", total=len(rows)):
        image = table.parent / row["image"] if row.get("image") else None
        sections.append(
            read_section(
                table.parent / row["expression"],
                slide=row["slide"],
                donor=row["donor"],
                image=image,
                mpp=float(row["mpp"]) if row.get("mpp") else None,
                pitch_um=float(row["pitch_um"]) if row.get("pitch_um") else None,
            )
        )
    return sections


def _read_rows(table: Path) -> list[dict[str, str]]:
    if not table.is_file():
        raise InputError(f"the cohort table {table} does not exist", fix="check the path")
    frame = pd.read_csv(table, dtype=str, keep_default_na=False)
    faults = [f"column {name!r} is missing" for name in REQUIRED if name not in frame]
    faults += [f"unknown column {name!r}" for name in frame if name not in REQUIRED + OPTIONAL]
    if "slide" in frame and frame["slide"].duplicated().any():
        faults.append(f"repeated slides: {listing(frame['slide'][frame['slide'].duplicated()])}")
    for column in {"expression", "image"} & set(frame.columns):
        absent = [path for path in frame[column] if path and not (table.parent / path).exists()]
        faults += [f"{column} files that do not exist: {listing(absent)}"] * bool(absent)
    raise_all(faults, subject=str(table), fix=f"columns: {', '.join(REQUIRED + OPTIONAL)}")
    return frame.to_dict("records")


def read_her2st_cohort(root: str | Path, sections: Sequence[str] | None = None) -> list[Section]:
    """Read sections of a HER2ST repository, all of them by default."""
    names = list(sections or her2st_sections(root))
    return [
        read_her2st_section(root, name) for name in track(names, label="sections", total=len(names))
    ]
