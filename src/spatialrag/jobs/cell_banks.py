"""Build and change single-cell banks, and find the cell types of spots with them."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from spatialrag.anndata_file import read_anndata
from spatialrag.cells.build import (
    TYPE_COLUMN,
    cells_from_anndata,
    cells_from_profiles,
    join_cells,
)
from spatialrag.cells.cell_bank import CellBank
from spatialrag.cells.census import CensusQuery, cells_from_census
from spatialrag.cells.deconvolve import Deconvolution, deconvolve
from spatialrag.cells.store import describe_cells, read_cells, update_cells, write_cells
from spatialrag.cells.types import TypeMap, read_type_map
from spatialrag.errors import InputError
from spatialrag.jobs.outputs import check_outputs, write_json
from spatialrag.jobs.slides import Slides, notes_of
from spatialrag.names import keys_of, name_of_file
from spatialrag.replace import replace_text


@dataclass(frozen=True)
class CellSources:
    """Files, and the part of CELLxGENE Census, that cells are taken from.

    Parameters
    ----------
    cells
        ``FILE`` or ``NAME=FILE``: h5ad with counts.
    profiles
        ``FILE`` or ``NAME=FILE``: tables of type means, genes x types, linear.
    profile_types
        Types to take from the tables; all when empty.
    type_column, donor_column, layer, gene_column
        Of the h5ad files, see `spatialrag.cells_from_anndata`.
    type_map
        Table from labels to types, or the name of one that is shipped.
    per_type
        At most so many cells of a type and data set.
    census
        Cells of CELLxGENE Census; needs ``per_type``.
    seed
        For the cells that ``per_type`` draws from the Census.
    """

    cells: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    profile_types: tuple[str, ...] = ()
    type_column: str = TYPE_COLUMN
    donor_column: str | None = None
    layer: str | None = None
    gene_column: str | None = None
    type_map: str | None = None
    per_type: int | None = None
    census: CensusQuery | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.cells or self.profiles or self.census):
            raise InputError("which cells?", expected="--cells, --profiles or --census-tissue")
        if self.census is not None and self.per_type is None:
            raise InputError("how many cells of the Census?", expected="--per-type, e.g. 500")

    @property
    def files(self) -> list[Path]:
        """Every file that is read."""
        return [_named(text)[1] for text in (*self.cells, *self.profiles)]

    def mapped(self) -> TypeMap | None:
        """Return the table from labels to types; None where labels stay as they are."""
        return None if self.type_map is None else read_type_map(self.type_map)

    def read(self) -> list[CellBank]:
        """Return a bank of each source.

        Raises
        ------
        InputError
            Files that do not exist, all named at once; what their readers refuse.
        """
        absent = [str(file) for file in self.files if not file.is_file()]
        if absent:
            raise InputError(f"files that do not exist: {', '.join(absent)}")
        mapped = self.mapped()
        parts = [
            cells_from_anndata(
                read_anndata(file),
                dataset=name,
                type_column=self.type_column,
                donor_column=self.donor_column,
                layer=self.layer,
                gene_column=self.gene_column,
                type_map=mapped,
                per_type=self.per_type,
                source=file.name,
            )
            for name, file in map(_named, self.cells)
        ]
        only = list(self.profile_types) or None
        parts += [
            cells_from_profiles(file, dataset=name, type_map=mapped, only=only, source=file.name)
            for name, file in map(_named, self.profiles)
        ]
        if self.census is not None and self.per_type is not None:
            parts.append(
                cells_from_census(
                    self.census, per_type=self.per_type, type_map=mapped, rng=self.seed
                )
            )
        return parts


@dataclass(frozen=True, eq=False)
class CellBankResult:
    """A single-cell bank, what it holds, and what is to be said of how it was made."""

    bank: CellBank
    facts: dict[str, object]
    notes: tuple[str, ...] = ()


def build(
    path: Path, sources: CellSources, *, overwrite: bool = False, json: Path | None = None
) -> CellBankResult:
    """Build a single-cell bank and write it.

    Raises
    ------
    InputError
        Before anything is read: a path that is taken or cannot be written.
    """
    check_outputs(path, overwrite=overwrite, inputs=sources.files, folder=True)
    check_outputs(json, overwrite=overwrite, inputs=sources.files)
    mapped = sources.mapped()
    bank = join_cells(sources.read())
    write_cells(bank, path, overwrite=overwrite)
    notes: list[str] = []
    if mapped is not None:
        notes += [f"{kind}: merged from {', '.join(of)}" for kind, of in mapped.merged.items()]
        notes.append(f"left out: {', '.join(mapped.dropped) or 'nothing'}")
    return _result(bank, json, tuple(notes))


def add(
    path: Path, sources: CellSources, *, json: Path | None = None, overwrite: bool = False
) -> CellBankResult:
    """Add data sets; everything already in the bank stays bit-identical."""
    check_outputs(json, overwrite=overwrite, inputs=sources.files)
    read_cells(path)  # no bank, no reading
    parts = sources.read()
    return _result(update_cells(path, lambda current: join_cells([current, *parts])), json)


def remove(
    path: Path, datasets: tuple[str, ...], *, json: Path | None = None, overwrite: bool = False
) -> CellBankResult:
    """Remove data sets; everything else stays bit-identical."""
    check_outputs(json, overwrite=overwrite)
    return _result(update_cells(path, lambda bank: bank.without(datasets)), json)


def inspect(path: Path, *, json: Path | None = None, overwrite: bool = False) -> CellBankResult:
    """Tell what a single-cell bank holds."""
    check_outputs(json, overwrite=overwrite, inputs=[path])
    return _result(read_cells(path), json)


@dataclass(frozen=True, eq=False)
class DeconvolveRequest:
    """Spots whose cell types are wanted, and the table that they are written to.

    Parameters
    ----------
    cells
        The single-cell bank.
    slides
        Sections with counts.
    out
        Table of proportions, ``.csv`` or ``.tsv``.
    settings
        Settings of the deconvolution.
    overwrite
        Replace files that exist.
    """

    cells: Path
    slides: Slides
    out: Path
    settings: Deconvolution = field(default_factory=Deconvolution)
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.out.suffix not in (".csv", ".tsv"):
            raise InputError(
                f"{self.out.name} is not a table", expected="a name that ends in .csv or .tsv"
            )


def deconvolve_slides(request: DeconvolveRequest) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the proportions of every spot, spots (``slide:spot``) x types, and notes; write them.

    Raises
    ------
    InputError
        An output that cannot be written, sections that hold no counts.
    """
    check_outputs(
        request.out,
        overwrite=request.overwrite,
        inputs=(request.cells, *request.slides.sources),
    )
    bank, tables = read_cells(request.cells), []
    sections = request.slides.read()
    for section in sections:
        if section.scale != "counts":
            raise InputError(f"deconvolution needs counts: {section.slide} is {section.scale}")
    for section in sections:
        names = np.array(keys_of(section.slide, section.spots))
        found = deconvolve(
            section.expression, section.genes, names, bank, settings=request.settings
        )
        tables.append(pd.DataFrame(found.values, index=found.spots, columns=found.types))
    table = pd.concat(tables)
    replace_text(request.out, table.to_csv(sep="," if request.out.suffix == ".csv" else "\t"))
    return table, notes_of(sections)


def _named(text: str) -> tuple[str, Path]:
    name, equals, file = text.partition("=")
    path = Path(file if equals else text)
    return (name if equals else name_of_file(path)), path


def _result(bank: CellBank, json: Path | None, notes: tuple[str, ...] = ()) -> CellBankResult:
    facts = describe_cells(bank)
    write_json(json, facts)
    return CellBankResult(bank, facts, notes)
