"""Arguments of verbs that read single-cell references or proportions."""

from pathlib import Path
from typing import Annotated

import typer

from spatialrag.errors import InputError
from spatialrag.jobs.cells import SingleCells

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


def cells_of(
    path: Path | None, type_column: str, type_map: str | None, her2st: Path | None
) -> SingleCells:
    """Return the single-cell references that the options name."""
    if path is None:
        raise InputError("which single cells?", expected="--cells FILE.h5ad or --cells BANK.zarr")
    return SingleCells(path, type_column, type_map, her2st)
