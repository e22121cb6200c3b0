"""Cell types under one set of names: an explicit table from sources' labels to a bank's types."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from spatialrag.errors import InputError, listing
from spatialrag.names import clean_names
from spatialrag.tables.table import read_table, table_of_text

MAPS = ("breast_major",)
_COMMENT = "#"


@dataclass(frozen=True)
class TypeMap:
    """Which type each label of a source is.

    Parameters
    ----------
    types
        Label to type; None leaves cells of that label out.
    name
        Name of the table, for the record.

    Examples
    --------
    >>> TypeMap({"T cell": "immune", "doublet": None}).types["T cell"]
    'immune'
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
        written = pd.Series(np.asarray(list(labels), dtype=object).astype(str))
        unknown = sorted(set(written) - set(self.types))
        if unknown:
            raise InputError(
                f"{len(unknown)} labels of {source} are in no line of the type map",
                expected=f"labels such as {listing(self.types, 4)}",
                got=listing(unknown, 20),
                fix="add a line per label to the --type-map file: label, a tab, then its type, or "
                "nothing to leave its cells out",
            )
        return written.map(lambda label: self.types[label] or "").to_numpy(str)


def identity(labels: Iterable[str]) -> TypeMap:
    """Return the map that keeps every label as it is."""
    return TypeMap({str(label): str(label) for label in labels}, name="identity")


def read_type_map(path: str | Path) -> TypeMap:
    r"""Read a type map: a tab-separated file, or the name of one that ships.

    Parameters
    ----------
    path
        A file with the columns ``label`` and ``type`` (empty to leave out; further columns are
        notes; lines with ``#`` are comments), or ``breast_major``.

    Raises
    ------
    InputError
        No such file or name, what `spatialrag.tables` refuses, missing columns, a label with two
        types, or no type at all.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("types.csv").write_text("label,type\nT cell,immune\n")
    >>> read_type_map("types.csv").types
    {'T cell': 'immune'}
    """
    name = str(path)
    if name in MAPS:
        shipped = files("spatialrag.cells").joinpath("maps", f"{name}.tsv").read_text("utf-8")
        lines = [line for line in shipped.split("\n") if not line.startswith(_COMMENT)]
        table = table_of_text("\n".join(lines), name=name, usual="\t", as_text=True)
    elif not Path(path).is_file():
        raise InputError(
            f"{path} is neither a file nor a shipped type map",
            expected=f"a .tsv file, or one of {', '.join(MAPS)}",
        )
    else:
        table = read_table(path, as_text=True, comment=_COMMENT)
    table.require(["label", "type"], purpose="tab-separated")
    labels, _ = clean_names(table.frame["label"], kind="label", subject=name, unique=False)
    twice = pd.Series(labels)[pd.Series(labels).duplicated()]
    if len(twice):
        raise InputError(f"{path} names labels twice", got=listing(twice), fix="keep one line each")
    kinds = [str(kind).strip() or None for kind in table.frame["type"]]
    if not any(kinds):
        raise InputError(f"{path} names no type", fix="fill in the column type")
    clean_names([kind for kind in kinds if kind], kind="cell type", subject=name, unique=False)
    return TypeMap(dict(zip(labels.tolist(), kinds, strict=True)), name=Path(name).stem)
