"""Cell-type proportions of spots: training targets, never seen by a prediction."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd

from spatialrag.errors import InputError, check_choice, listing, raise_all
from spatialrag.expression.table import read_numbers
from spatialrag.file_kind import reading
from spatialrag.names import clean_names, keys_of
from spatialrag.provenance import fingerprint
from spatialrag.tables.table import table_of_text
from spatialrag.tables.text import decode

Tier = Literal["major", "minor", "subset"]
TIERS = get_args(Tier)
_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class Proportions:
    """Shares of cell types in spots.

    Parameters
    ----------
    values : (n_spots, n_types)
        float64, each row at least 0 and summing to 1 (within a thousandth; then divided by it).
    spots : (n_spots,)
        Names ``slide:spot``, as a bank's references are named.
    types : (n_types,)
    source
        Where they come from.

    Examples
    --------
    >>> shares = sr.Proportions([[0.2, 0.8]], ["C2:25x13"], ["immune", "tumor"])
    >>> shares.types.tolist()
    ['immune', 'tumor']
    """

    values: np.ndarray
    spots: np.ndarray
    types: np.ndarray
    source: str = ""

    def __post_init__(self) -> None:
        values = np.asarray(self.values, np.float64)
        subject = f"proportions of {self.source or 'cell types'}"
        spots, _ = clean_names(self.spots, kind="spot", subject=subject, unique=False)
        types, _ = clean_names(self.types, kind="cell type", subject=subject, unique=False)
        faults = []
        if values.shape != (len(spots), len(types)):
            faults.append(
                f"values are {values.shape} for {len(spots)} spots and {len(types)} types"
            )
        for kind, names in (("spots", pd.Series(spots)), ("types", pd.Series(types))):
            if names.duplicated().any():
                faults.append(f"repeated {kind}: {listing(names[names.duplicated()])}")
        if len(types) < 2:
            faults.append("fewer than two types")
        if not faults:
            faults = _row_faults(values, spots)
        raise_all(
            faults,
            subject=subject,
            fix="give one row per spot whose shares are at least 0 and sum to 1",
        )
        object.__setattr__(self, "values", values / values.sum(axis=1, keepdims=True))
        object.__setattr__(self, "spots", spots)
        object.__setattr__(self, "types", types)

    @cached_property
    def fingerprint(self) -> str:
        """Content hash."""
        return fingerprint(self.spots.tolist(), self.types.tolist(), self.values)

    def of(self, spots: Sequence[str]) -> np.ndarray:
        """Return the proportions of named spots, (n, n_types); NaN for spots without."""
        position = pd.Index(self.spots).get_indexer(np.asarray(spots, str))
        values = self.values[np.maximum(position, 0)].copy()
        values[position < 0] = np.nan
        return values


def _row_faults(values: np.ndarray, spots: np.ndarray) -> list[str]:
    faults = []
    for what, bad in (
        ("with missing values", ~np.isfinite(values).all(axis=1)),
        ("with negative shares", (values < 0).any(axis=1)),
        (
            "whose shares do not sum to 1",
            np.isfinite(values).all(axis=1) & (np.abs(values.sum(axis=1) - 1) > _TOLERANCE),
        ),
    ):
        if bad.any():
            first = np.flatnonzero(bad)[0]
            faults.append(
                f"{bad.sum()} spots {what}, e.g. {spots[first]} (sum {values[first].sum():.4g})"
            )
    return faults


def read_her2st_proportions(
    root: str | Path, sections: Sequence[str], *, tier: Tier = "major"
) -> Proportions:
    """Read the proportions that the HER2ST repository publishes (stereoscope).

    Parameters
    ----------
    root
        The repository's folder; the archive is ``res/ST-deconv/props/<tier>.zip``.
    sections
        E.g. ``["B4", "C2"]``.
    tier
        ``major`` (8 types), ``minor`` (22) or ``subset`` (41).

    Raises
    ------
    InputError
        An unknown tier, or an archive or section that is not there.

    Examples
    --------
    >>> shares = read_her2st_proportions("her2st", ["B4"])  # doctest: +SKIP
    """
    check_choice(tier, TIERS, name="tier")
    path = Path(root) / "res" / "ST-deconv" / "props" / f"{tier}.zip"
    if not path.is_file():
        raise InputError(
            f"{path} does not exist",
            expected="a HER2ST clone with its res folder",
        )
    tables = []
    with reading(path, "a zip archive of proportions"), zipfile.ZipFile(path) as archive:
        for section in sections:
            name = f"{tier}/{section}-proportion.tsv"
            if name not in archive.namelist():
                raise InputError(f"{path.name} has no section {section!r}", got=listing(sections))
            text = decode(archive.read(name), name=name)
            table = table_of_text(text, name=name, usual="\t").named()
            values, _ = table.numbers(table.frame.columns)
            keys = keys_of(section, table.frame.index)
            tables.append(pd.DataFrame(values, index=keys, columns=table.frame.columns))
    joined = pd.concat(tables)
    if joined.isna().to_numpy().any():
        raise InputError(f"sections of {path.name} differ in their cell types")
    return Proportions(joined.to_numpy(), joined.index, joined.columns, f"HER2ST {tier}")


def read_proportions(path: str | Path) -> Proportions:
    r"""Read a table of proportions: spots (named ``slide:spot``) in rows, types in columns.

    Parameters
    ----------
    path
        CSV, TSV or Parquet, such as `spatialrag cells deconvolve` writes.

    Raises
    ------
    InputError
        What `spatialrag.tables` refuses, or rows that are no shares.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("shares.csv").write_text("spot,immune,tumor\nC2:25x13,0.2,0.8\n")
    >>> sr.read_proportions("shares.csv").values.tolist()
    [[0.2, 0.8]]
    """
    table = read_numbers(path, kind="spot")
    return Proportions(table.to_numpy(), table.index, table.columns, Path(path).name)
