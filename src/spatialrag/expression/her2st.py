"""The HER2ST repository layout, as users clone it (Andersson et al. 2021)."""

from pathlib import Path

import pandas as pd
from scipy import sparse

from spatialrag.errors import InputError, listing
from spatialrag.expression.section import Section
from spatialrag.slides.mpp import derive_mpp

PITCH_UM = 200.0  # distance between spot centres of the 2018 Spatial Transcriptomics arrays


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
    counts = pd.read_csv(counts_path, sep="\t", index_col=0)
    positions = read_her2st_positions(root / "data" / "ST-spotfiles" / f"{section}_selection.tsv")
    shared = counts.index[counts.index.isin(positions.index)]
    notes = []
    if len(missing := counts.index.difference(shared)):
        notes.append(f"{len(missing)} count rows without a position left out: {listing(missing)}")
    if len(extra := positions.index.difference(shared)):
        notes.append(f"{len(extra)} positions without counts left out: {listing(extra)}")
    xy = positions.loc[shared, ["pixel_x", "pixel_y"]].to_numpy(float)
    pixel = derive_mpp(xy, pitch_um=PITCH_UM)
    images = sorted((root / "data" / "ST-imgs" / section[0] / section).glob("*.jpg"))
    return Section(
        slide=section,
        donor=section[0],
        expression=sparse.csr_matrix(counts.loc[shared].to_numpy("float32")),
        genes=counts.columns.to_numpy(),
        spots=shared.to_numpy(),
        xy=xy,
        image=images[0] if images else None,
        mpp=pixel.mpp,
        mpp_source=pixel.source,
        notes=tuple(notes),
    )


def read_her2st_positions(path: Path) -> pd.DataFrame:
    """Read a selection file: columns x, y, pixel_x, pixel_y, …; index the spot names ``XxY``."""
    table = pd.read_csv(path, sep="\t")
    return table.set_index(table["x"].astype(str) + "x" + table["y"].astype(str))
