"""Space Ranger's table of spots, with or without a header, and what it states of the scale."""

from pathlib import Path

import numpy as np
import pandas as pd

from spatialrag.errors import InputError, listing
from spatialrag.expression.in_tissue import in_tissue
from spatialrag.file_kind import refusal
from spatialrag.slides.pixel_size import PixelSize
from spatialrag.slides.platforms import check_pitch
from spatialrag.slides.spots import Spots
from spatialrag.tables.columns import place_columns
from spatialrag.tables.table import Table, read_table
from spatialrag.tables.text import read_json

# Space Ranger before version 2 wrote no header.
COLUMNS = (
    "barcode", "in_tissue", "array_row", "array_col", "pxl_row_in_fullres", "pxl_col_in_fullres",
)  # fmt: skip
# What spot_diameter_fullres measures, µm. 10x Genomics: "The number of pixels that span the
# diameter of a theoretical 65 µm spot in the original, full-resolution image"; the spots printed
# are 55 µm wide.
SPOT_UM = 65.0


def read_positions_table(path: Path) -> tuple[pd.DataFrame, np.ndarray, tuple[str, ...]]:
    """Return what is said of spots, by barcode, their centres (n_spots, 2), and notes.

    Raises
    ------
    InputError
        No table of positions, or cells that are no numbers.
    """
    table = read_table(path, header=None)
    if all(name.isdecimal() for name in table.frame.columns):
        if table.frame.shape[1] != len(COLUMNS):
            raise InputError(
                f"{path.name} is no table of spot positions",
                expected=f"a header, or the {len(COLUMNS)} columns {', '.join(COLUMNS)}",
                got=f"{table.frame.shape[1]} columns without a header",
            )
        table = Table(table.frame.set_axis(COLUMNS, axis=1), table.name, table.separator,
                      table.notes)  # fmt: skip
    table = table.named()
    pair = place_columns(list(table.frame.columns))
    if pair is None:
        raise InputError(
            f"{path.name} has no positions in pixels",
            expected=f"columns {COLUMNS[5]} and {COLUMNS[4]}",
            got=listing(table.frame.columns, 10),
        )
    xy, notes = table.numbers(pair)
    obs = table.frame.drop(columns=list(pair)).rename(columns=str.lower)
    return obs, xy, (*table.notes, *notes)


def read_spots_under_tissue(path: Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return names (n_spots,) and centres (n_spots, 2) of the spots under tissue, and notes."""
    obs, xy, notes = read_positions_table(path)
    inside, tissue_notes = in_tissue(obs, subject=path.name)
    return obs.index.to_numpy()[inside], xy[inside], (*tissue_notes, *notes)


def stated_sizes(factors: Path | None, xy: np.ndarray, spots: np.ndarray) -> list[PixelSize]:
    """Return every statement of µm per pixel that a Space Ranger folder makes, the surest first.

    ``microns_per_pixel`` where it is stated (Visium HD); of a bin its size; of Visium the pitch of
    100 µm between spots, then the diameter of 65 µm.

    Parameters
    ----------
    factors
        ``scalefactors_json.json``; nothing is known without.
    xy : (n_spots, 2)
        All spots of the slide.
    spots : (n_spots,)
    """
    if factors is None:
        return []
    facts = read_json(factors, expected="Space Ranger's scale factors (JSON)")
    stated = _number(facts, "microns_per_pixel", factors)
    diameter = _number(facts, "spot_diameter_fullres", factors)
    side = _number(facts, "bin_size_um", factors)
    sizes = []
    if stated is not None:
        sizes.append(PixelSize(stated, "Space Ranger: microns_per_pixel"))
    if side is None and stated is None and diameter is not None:
        lattice = check_pitch(Spots("slide", spots, xy), platform="Visium")
        sizes += [] if lattice is None else [lattice]
    if diameter is not None:
        width, what = (SPOT_UM, "spot") if side is None else (side, "bin")
        source = f"derived: {width:g} µm {what} / {diameter:.2f} px (spot_diameter_fullres)"
        sizes.append(PixelSize(width / diameter, source))
    if not sizes:
        raise refusal(
            factors,
            "Space Ranger's scale factors (JSON)",
            got=f"neither microns_per_pixel nor spot_diameter_fullres, but {listing(facts)}",
        )
    return sizes


def _number(facts: dict[str, object], name: str, path: Path) -> float | None:
    value = facts.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < np.inf:
        raise InputError(
            f"{name} of {path.name} is not a length",
            expected="a number above 0",
            got=repr(value),
            fix="take the file as Space Ranger wrote it",
        )
    return float(value)
