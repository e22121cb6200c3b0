"""Cell types under one set of names: an explicit table from sources' labels to a bank's types."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from spatialrag.errors import InputError, listing

MAPS = ("breast_major",)


@dataclass(frozen=True)
class TypeMap:
    """Which type each label of a source is.

    Parameters
    ----------
    types
        Label to type; None leaves cells of that label out.
    name
        Of the table, for the record.
    """

    types: dict[str, str | None]
    name: str = ""

    @property
    def merged(self) -> dict[str, list[str]]:
        """Types that several labels become, with these labels."""
        by_type: dict[str, list[str]] = {}
        for label, kind in self.types.items():
            if kind is not None:
                by_type.setdefault(kind, []).append(label)
        return {kind: labels for kind, labels in by_type.items() if len(labels) > 1}

    @property
    def dropped(self) -> list[str]:
        """Labels that are left out."""
        return [label for label, kind in self.types.items() if kind is None]

    def apply(self, labels: Iterable[str], *, source: str) -> np.ndarray:
        """Return the type of each label, (n,) of str; empty where its cells are left out.

        Parameters
        ----------
        labels
            One per cell.
        source
            Named in the error.

        Raises
        ------
        InputError
            Labels that the table does not have.
        """
        labels = pd.Series(np.asarray(list(labels), dtype=object).astype(str))
        unknown = sorted(set(labels) - set(self.types))
        if unknown:
            raise InputError(
                f"{len(unknown)} labels of {source} are in no line of the type map",
                expected=f"labels such as {listing(self.types, 4)}",
                got=listing(unknown, 20),
                fix="add a line per label to the --type-map file: label, a tab, then its type, or "
                "nothing to leave its cells out",
            )
        return labels.map(lambda label: self.types[label] or "").to_numpy(str)


def identity(labels: Iterable[str]) -> TypeMap:
    """Return the map that keeps every label as it is."""
    return TypeMap({str(label): str(label) for label in labels}, name="identity")


def read_type_map(path: str | Path) -> TypeMap:
    """Read a type map: a tab-separated file, or the name of one that ships.

    Parameters
    ----------
    path
        A file with the columns ``label`` and ``type`` (empty to leave out; further columns are
        notes; lines with ``#`` are comments), or ``breast_major``.

    Raises
    ------
    InputError
        No such file or name, missing columns, a label with two types, or no type at all.
    """
    name = str(path)
    if name in MAPS:
        source = files("spatialrag.cells").joinpath("maps", f"{name}.tsv")
    else:
        source = Path(path)
        if not source.is_file():
            raise InputError(
                f"{path} is neither a file nor a shipped type map",
                expected=f"a .tsv file, or one of {', '.join(MAPS)}",
            )
    with source.open() as stream:
        table = pd.read_csv(stream, sep="\t", dtype=str, comment="#", keep_default_na=False)
    missing = [column for column in ("label", "type") if column not in table]
    if missing:
        raise InputError(
            f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}",
            expected="tab-separated columns label and type",
            got=listing(table.columns),
        )
    twice = table["label"][table["label"].duplicated()]
    if len(twice):
        raise InputError(f"{path} names labels twice", got=listing(twice), fix="keep one line each")
    types = {row.label.strip(): row.type.strip() or None for row in table.itertuples()}
    if not any(types.values()):
        raise InputError(f"{path} names no type", fix="fill in the column type")
    return TypeMap(types, name=Path(name).stem)
