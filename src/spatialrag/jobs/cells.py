"""Which single cells and cell-type proportions a job works with, read in one place."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spatialrag.anndata_file import read_anndata
from spatialrag.cells.build import TYPE_COLUMN, cells_from_anndata
from spatialrag.cells.cell_bank import CellBank
from spatialrag.cells.store import read_cells
from spatialrag.cells.types import read_type_map
from spatialrag.errors import InputError
from spatialrag.expression.proportions import (
    Proportions,
    read_her2st_proportions,
    read_proportions,
)
from spatialrag.names import name_of_file

_HER2ST_MAP = "breast_major"


@dataclass(frozen=True)
class SingleCells:
    """Single-cell references: a built store, or an h5ad with counts and types.

    Parameters
    ----------
    path
        The store or file.
    type_column
        Column of ``obs`` with cell types, of an h5ad.
    type_map
        Table from labels to types, or the name of one that is shipped; of an h5ad.
    her2st
        A clone of the HER2ST repository that the spots come from: labels are then mapped to its
        types unless another map is given.
    """

    path: Path
    type_column: str = TYPE_COLUMN
    type_map: str | None = None
    her2st: Path | None = None

    @property
    def map_name(self) -> str | None:
        """The table by which labels become types; None where they stay as they are."""
        return self.type_map or (_HER2ST_MAP if self.her2st is not None else None)

    def read(self) -> CellBank:
        """Return the references.

        Raises
        ------
        InputError
            A file that is absent or of another kind, labels that the table of types lacks.
        """
        if self.path.suffix.lower() != ".h5ad":
            return read_cells(self.path)
        if not self.path.is_file():
            raise InputError(f"the single cells {self.path} do not exist", fix="check the path")
        mapped = None if self.map_name is None else read_type_map(self.map_name)
        return cells_from_anndata(
            read_anndata(self.path),
            dataset=name_of_file(self.path),
            type_column=self.type_column,
            type_map=mapped,
            source=self.path.name,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What is said of a table of types that was not named but taken."""
        if self.type_map is not None or self.map_name is None or self.path.suffix != ".h5ad":
            return ()
        dropped = ", ".join(read_type_map(self.map_name).dropped)
        return (f"type map: {self.map_name}; left out: {dropped}",)


@dataclass(frozen=True)
class GivenProportions:
    """Cell-type proportions of training spots, where someone has them.

    Parameters
    ----------
    path
        A table of spots (``slide:spot``) by types.
    her2st
        A clone of the HER2ST repository, whose published proportions are taken without a table.
    """

    path: Path | None = None
    her2st: Path | None = None

    def read(self, slides: Sequence[str]) -> Proportions | None:
        """Return the proportions of these slides' spots; None where they are to be deconvolved."""
        if self.path is not None:
            return read_proportions(self.path)
        return None if self.her2st is None else read_her2st_proportions(self.her2st, list(slides))

    @property
    def notes(self) -> tuple[str, ...]:
        """What is said where proportions are not given."""
        if self.path is None and self.her2st is None:
            return ("proportions: deconvolved from the training spots' counts",)
        return ()
