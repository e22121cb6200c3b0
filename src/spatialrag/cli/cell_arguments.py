"""Arguments of verbs that read single-cell references or proportions."""

from pathlib import Path
from typing import Annotated

import typer

from spatialrag.anndata_file import read_anndata
from spatialrag.cells.build import cells_from_anndata
from spatialrag.cells.cell_bank import CellBank
from spatialrag.cells.store import open_cells
from spatialrag.cells.types import read_type_map
from spatialrag.cli.printing import console
from spatialrag.errors import InputError
from spatialrag.expression.proportions import (
    Proportions,
    read_her2st_proportions,
    read_proportions,
)

_HER2ST_MAP = "breast_major"

CellsFile = Annotated[
    Path | None,
    typer.Option("--cells", help="Single-cell references: an h5ad with counts, or a built bank."),
]
TypeColumn = Annotated[str, typer.Option("--type-column", help="obs column with cell types.")]
TypeMapFile = Annotated[
    str | None,
    typer.Option(
        "--type-map",
        help="Table from labels to types (.tsv with label and type), or breast_major.",
    ),
]
ProportionsFile = Annotated[
    Path | None,
    typer.Option(
        "--proportions",
        help="Table of cell-type proportions, spots (slide:spot) x types. Without it: those of the "
        "--her2st repository (major types), or deconvolved from the training spots' counts.",
    ),
]


def read_cells(
    path: Path | None, type_column: str, type_map: str | None, her2st: Path | None
) -> CellBank:
    """Read single-cell references: a store, or an h5ad mapped to HER2ST's types where those are."""
    if path is None:
        raise InputError("which single cells?", expected="--cells FILE.h5ad or --cells BANK.zarr")
    if path.suffix.lower() != ".h5ad":
        return open_cells(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist", fix="check the path")
    name = type_map or (_HER2ST_MAP if her2st is not None else None)
    mapped = None if name is None else read_type_map(name)
    if type_map is None and mapped is not None:
        console().print(f"type map: {name}; left out: {', '.join(mapped.dropped)}", highlight=False)
    return cells_from_anndata(
        read_anndata(path),
        dataset=path.stem,
        type_column=type_column,
        type_map=mapped,
        source=path.name,
    )


def read_given_proportions(
    path: Path | None, her2st: Path | None, slides: list[str]
) -> Proportions | None:
    """Read proportions, or return None, saying so, where they are to be deconvolved."""
    if path is not None:
        return read_proportions(path)
    if her2st is not None:
        return read_her2st_proportions(her2st, slides)
    console().print("proportions: deconvolved from the training spots' counts")
    return None
