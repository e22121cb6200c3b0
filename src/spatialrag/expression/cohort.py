"""A cohort: the sections a ``slides.csv`` (or a HER2ST repository) describes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

from spatialrag.errors import InputError, listing, raise_all
from spatialrag.expression.cohort_genes import agree_on_genes
from spatialrag.expression.her2st import her2st_sections, read_her2st_section
from spatialrag.expression.normalize import SCALES, Scale
from spatialrag.expression.pixel_size import SOURCES
from spatialrag.expression.read import read_section
from spatialrag.expression.section import Section
from spatialrag.names import clean_name, clean_part
from spatialrag.progress import track
from spatialrag.tables.numbers import parse_number
from spatialrag.tables.table import Table, read_table

REQUIRED = ("slide", "donor", "expression")
OPTIONAL = (
    "image", "mpp", "pitch_um", "layer", "scale", "library", "gene_column", "mpp_from",
)  # fmt: skip
_NUMBERS = ("mpp", "pitch_um")
_WORDS = {"scale": SCALES, "mpp_from": SOURCES}


def read_cohort(table: str | Path) -> list[Section]:
    """Read every section of a cohort table.

    Parameters
    ----------
    table
        CSV with the columns ``slide``, ``donor``, ``expression`` and optionally ``image``,
        ``mpp`` (µm per pixel), ``pitch_um`` (spot pitch in µm, from which mpp is derived),
        ``layer``, ``scale``, ``library``, ``gene_column`` and ``mpp_from``, each as in
        `spatialrag.expression.read.read_section`. Paths are relative to the table.

    Raises
    ------
    InputError
        Every fault of the table at once, before anything is read; what `read_section` refuses;
        sections whose genes have no names in common.

    Examples
    --------
    >>> [section.slide for section in sr.read_cohort(toy)]
    ['toy1', 'toy2', 'toy3', 'toy4']
    """
    path = Path(table)
    found = read_table(path, as_text=True)
    rows = _read_rows(found, path)
    sections = []
    for row in track(rows, label="sections", total=len(rows)):
        stated = {name: row.get(name) or None for name in OPTIONAL}
        numbers = {
            name: None
            if not stated[name]
            else parse_number(row[name], what=f"{name} of {row['slide']}")
            for name in _NUMBERS
        }
        sections.append(
            read_section(
                path.parent / row["expression"],
                slide=row["slide"],
                donor=row["donor"],
                image=path.parent / row["image"] if stated["image"] else None,
                mpp=numbers["mpp"],
                pitch_um=numbers["pitch_um"],
                layer=stated["layer"],
                scale=cast(Scale | None, stated["scale"]),
                library=stated["library"],
                gene_column=stated["gene_column"],
                mpp_from=stated["mpp_from"],
            )
        )
    sections = agree_on_genes(sections)
    return [replace(each, notes=(*found.notes, *each.notes)) for each in sections]


def _read_rows(found: Table, path: Path) -> list[dict[str, str]]:
    frame = found.frame.rename(columns=str.lower).apply(lambda column: column.str.strip())
    faults = [f"column {name!r} is missing" for name in REQUIRED if name not in frame]
    faults += [f"unknown column {name!r}" for name in frame if name not in REQUIRED + OPTIONAL]
    faults += ["no row"] * (not len(frame))
    if not set(REQUIRED) - set(frame.columns):
        for row in frame.to_dict("records"):
            faults += _row_faults(row)
        repeated = frame["slide"][frame["slide"].duplicated()]
        faults += [f"repeated slides: {listing(repeated)}"] * bool(len(repeated))
    for column in ("expression", "image"):
        absent = [
            each for each in frame.get(column, []) if each and not (path.parent / each).exists()
        ]
        faults += [f"{column} files that do not exist: {listing(absent)}"] * bool(absent)
    raise_all(faults, subject=str(path), fix=f"columns: {', '.join(REQUIRED + OPTIONAL)}")
    return frame.to_dict("records")


def _row_faults(row: dict[str, str]) -> list[str]:
    """Return what is wrong with a row, in a line each."""
    slide = row["slide"] or "a row without a slide"
    faults = []
    checks: list[Callable[[], object]] = [
        partial(clean_part, row["slide"]),
        partial(clean_name, row["donor"], kind="donor"),
    ]
    checks += [partial(parse_number, row[name], what=name) for name in _NUMBERS if row.get(name)]
    for check in checks:
        try:
            check()
        except InputError as error:
            problem, *rest = str(error).splitlines()
            got = next((line.strip() for line in rest if line.strip().startswith("got:")), "")
            faults.append(" ".join(f"{slide}: {problem} {got}".split()))
    faults += [f"{slide}: no expression file"] * (not row["expression"])
    for name, words in _WORDS.items():
        if row.get(name) and row[name] not in words:
            faults.append(f"{slide}: {name} {row[name]!r} is none of {', '.join(words)}")
    return faults


def read_her2st_cohort(root: str | Path, sections: Sequence[str] | None = None) -> list[Section]:
    """Read sections of a HER2ST repository, all of them by default.

    Examples
    --------
    >>> sections = read_her2st_cohort("her2st", ["B4", "C2"])  # doctest: +SKIP
    """
    names = list(sections or her2st_sections(root))
    return [
        read_her2st_section(root, name) for name in track(names, label="sections", total=len(names))
    ]
