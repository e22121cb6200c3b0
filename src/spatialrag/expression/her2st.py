"""The HER2ST repository layout, as users clone it (Andersson et al. 2021)."""

from pathlib import Path

import numpy as np
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.expression.gene_names import unique_genes
from spatialrag.expression.joining import join_names
from spatialrag.expression.section import Section
from spatialrag.names import clean_names
from spatialrag.slides.mpp import derive_mpp
from spatialrag.tables.table import read_table

PITCH_UM = 200.0  # distance between spot centres of the 2018 Spatial Transcriptomics arrays
_SELECTION = ["x", "y", "pixel_x", "pixel_y"]


def her2st_sections(root: str | Path) -> list[str]:
    """Return the names of the sections with counts, e.g. ``['A1', …, 'H3']``."""
    folder = Path(root) / "data" / "ST-cnts"
    names = sorted(path.name.split(".")[0] for path in folder.glob("*.tsv*"))
    if not names:
        raise InputError(
            f"{root} is not a HER2ST repository",
            expected="data/ST-cnts/<section>.tsv.gz below it",
            fix="give the folder that `git clone` of her2st made",
        )
    return names


def read_her2st_section(root: str | Path, section: str) -> Section:
    """Read one section: counts, spot positions, and the image where present.

    Counts and spot files are joined by spot name (``XxY``); rows found on one side only are left
    out and noted. The pixel size is derived from the 200 µm pitch.

    Parameters
    ----------
    root
        The repository's folder.
    section
        E.g. ``"B4"``; its first letter is the donor.
    """
    root = Path(root)
    known = her2st_sections(root)
    if section not in known:
        raise InputError(f"no section {section!r} in {root}", expected=f"one of {', '.join(known)}")
    counts_path = next((root / "data" / "ST-cnts").glob(f"{section}.tsv*"))
    counts = read_table(counts_path).named()
    values, notes = counts.numbers(counts.frame.columns)
    genes, gene_notes = unique_genes(counts.frame.columns.to_numpy(object), None, subject=section)
    positions = root / "data" / "ST-spotfiles" / f"{section}_selection.tsv"
    spots, places, place_notes = read_her2st_positions(positions)
    join = join_names(
        counts.frame.index.to_numpy(str),
        spots,
        called=("count rows", "positions"),
        subject=section,
    )
    xy = places[join.right]
    pixel = derive_mpp(xy, pitch_um=PITCH_UM)
    images = sorted((root / "data" / "ST-imgs" / section[0] / section).glob("*.jpg"))
    return Section(
        slide=section,
        donor=section[0],
        expression=sparse.csr_matrix(values[join.left].astype("float32")),
        genes=genes,
        spots=counts.frame.index.to_numpy(str)[join.left],
        xy=xy,
        image=images[0] if images else None,
        mpp=pixel.mpp,
        mpp_source=pixel.source,
        notes=(*counts.notes, *notes, *gene_notes, *place_notes, *join.notes),
        pixel_sizes=(pixel,),
    )


def read_her2st_positions(path: Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Read a selection file: names of spots ``XxY``, centres (n_spots, 2) in pixels, and notes.

    Raises
    ------
    InputError
        Columns x, y, pixel_x, pixel_y are missing, hold no numbers, or name a spot twice.
    """
    table = read_table(path)
    table.require(_SELECTION, purpose="array places and pixels of spots")
    values, notes = table.numbers(_SELECTION)
    names = [f"{_short(x)}x{_short(y)}" for x, y in values[:, :2]]
    spots, _ = clean_names(names, kind="spot", subject=table.name)
    return spots, values[:, 2:], (*table.notes, *notes)


def is_selection_file(path: Path) -> bool:
    """Return whether a table has the columns of a selection file."""
    return set(_SELECTION) <= set(read_table(path).frame.columns)


def _short(value: float) -> str:
    """Return an array place as spots are named by it: whole numbers without a fraction."""
    return str(int(value)) if value.is_integer() else repr(float(value))
