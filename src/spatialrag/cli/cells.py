"""``spatialrag cells``: build, info, add, remove, verify, deconvolve."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

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
from spatialrag.cells.store import (
    describe_cells,
    open_cells,
    update_cells,
    verify_cells,
    write_cells,
)
from spatialrag.cells.types import TypeMap, read_type_map
from spatialrag.cli.arguments import (
    GeneColumn,
    Her2st,
    Hest,
    Json,
    Layer,
    Sections,
    Table,
    check_outputs,
    read_sections,
    write_json,
)
from spatialrag.cli.cell_arguments import TypeColumn, TypeMapFile
from spatialrag.cli.printing import console, print_facts, print_frame
from spatialrag.errors import InputError
from spatialrag.names import keys_of, name_of_file, split_key
from spatialrag.replace import replace_text

app = typer.Typer(
    help="Single-cell banks: build, look at, change, check, deconvolve.", no_args_is_help=True
)

CellsPath = Annotated[Path, typer.Argument(help="The single-cell bank, e.g. cells.zarr.")]
CellFiles = Annotated[
    list[str] | None,
    typer.Option("--cells", help="FILE or NAME=FILE: an h5ad with counts (repeatable)."),
]
ProfileFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--profiles", help="FILE or NAME=FILE: type means, genes x types, linear (repeatable)."
    ),
]
ProfileTypes = Annotated[
    str | None,
    typer.Option("--profile-types", help="Types to take from --profiles, separated by commas."),
]
DonorColumn = Annotated[
    str | None, typer.Option("--donor-column", help="obs column with donors; the data set if none.")
]
PerType = Annotated[
    int | None, typer.Option("--per-type", help="At most so many cells of a type and data set.")
]
Seed = Annotated[int, typer.Option("--seed", help="For the cells that --per-type draws.")]
CensusTissue = Annotated[
    str | None,
    typer.Option("--census-tissue", help="Take cells of this tissue from CELLxGENE Census."),
]
CensusDisease = Annotated[
    str | None, typer.Option("--census-disease", help="Only this disease, e.g. normal.")
]
CensusAssay = Annotated[str | None, typer.Option("--census-assay", help="Only this assay.")]
CensusVersion = Annotated[str, typer.Option("--census-version", help="Census release.")]
CensusUri = Annotated[
    str | None, typer.Option("--census-uri", help="A Census elsewhere, e.g. a local copy.")
]


@app.command()
def build(
    path: CellsPath,
    cells: CellFiles = None,
    profiles: ProfileFiles = None,
    profile_types: ProfileTypes = None,
    type_column: TypeColumn = TYPE_COLUMN,
    donor_column: DonorColumn = None,
    layer: Layer = None,
    gene_column: GeneColumn = None,
    type_map: TypeMapFile = None,
    per_type: PerType = None,
    census_tissue: CensusTissue = None,
    census_disease: CensusDisease = None,
    census_assay: CensusAssay = None,
    census_version: CensusVersion = "stable",
    census_uri: CensusUri = None,
    seed: Seed = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing single-cell bank.")
    ] = False,
    json: Json = None,
) -> None:
    """Build a single-cell bank from h5ad files, tables of type means, or CELLxGENE Census."""
    check_outputs(path, folder=True)
    check_outputs(json)
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists", fix="choose another path, or --overwrite")
    query = None
    if census_tissue is not None:
        query = CensusQuery(
            (census_tissue,),
            disease=(census_disease,) if census_disease else (),
            assay=(census_assay,) if census_assay else (),
            version=census_version,
            uri=census_uri,
        )
        if per_type is None:
            raise InputError("how many cells of the Census?", expected="--per-type, e.g. 500")
    mapped = read_type_map(type_map) if type_map else None
    columns = (type_column, donor_column, layer, gene_column)
    parts = _read(cells, profiles, profile_types, columns, mapped, per_type)
    if query is not None:
        parts.append(cells_from_census(query, per_type=per_type, type_map=mapped, rng=seed))
    if not parts:
        raise InputError("which cells?", expected="--cells, --profiles or --census-tissue")
    bank = join_cells(parts)
    write_cells(bank, path, overwrite=overwrite)
    if mapped is not None:
        for kind, labels in mapped.merged.items():
            console().print(f"{kind}: merged from {', '.join(labels)}", highlight=False)
        console().print(f"left out: {', '.join(mapped.dropped) or 'nothing'}", highlight=False)
    _show(bank, path, json)


@app.command()
def info(path: CellsPath, json: Json = None) -> None:
    """Tell what a single-cell bank holds."""
    _show(open_cells(path), path, json)


@app.command()
def add(
    path: CellsPath,
    cells: CellFiles = None,
    profiles: ProfileFiles = None,
    profile_types: ProfileTypes = None,
    type_column: TypeColumn = TYPE_COLUMN,
    donor_column: DonorColumn = None,
    layer: Layer = None,
    gene_column: GeneColumn = None,
    type_map: TypeMapFile = None,
    per_type: PerType = None,
    json: Json = None,
) -> None:
    """Add data sets; everything already in the bank stays bit-identical."""
    open_cells(path)  # no bank, no reading
    mapped = read_type_map(type_map) if type_map else None
    columns = (type_column, donor_column, layer, gene_column)
    parts = _read(cells, profiles, profile_types, columns, mapped, per_type)
    if not parts:
        raise InputError("which cells?", expected="--cells or --profiles")
    joined = update_cells(path, lambda current: join_cells([current, *parts]))
    _show(joined, path, json)


@app.command()
def remove(
    path: CellsPath,
    dataset: Annotated[list[str], typer.Option("--dataset", help="A data set (repeatable).")],
    json: Json = None,
) -> None:
    """Remove data sets; everything else stays bit-identical."""
    rest = update_cells(path, lambda bank: bank.without(dataset))
    _show(rest, path, json)


@app.command()
def verify(path: CellsPath) -> None:
    """Hash the whole content against what was recorded when it was written."""
    bank = verify_cells(path)
    console().print(f"{path}: {bank.n_cells} cells verified, {bank.fingerprint[:16]}")


@app.command(name="deconvolve")
def deconvolve_spots(
    path: CellsPath,
    out: Annotated[Path, typer.Argument(help="The table of proportions to write, .csv or .tsv.")],
    slides: Table = None,
    her2st: Her2st = None,
    hest: Hest = None,
    sections: Sections = None,
    n_genes: Annotated[int, typer.Option("--n-genes", help="Genes used.")] = 3000,
    platform: Annotated[
        bool, typer.Option("--platform/--no-platform", help="Estimate gene-wise factors.")
    ] = True,
) -> None:
    """Find the cell-type proportions of spots from their counts and the bank's types."""
    if out.suffix not in (".csv", ".tsv"):
        raise InputError(f"{out.name} is not a table", expected="a name that ends in .csv or .tsv")
    bank = open_cells(path)
    settings = Deconvolution(n_genes=n_genes, platform=platform)
    tables = []
    for section in read_sections(slides, her2st, sections, hest):
        if section.scale != "counts":
            raise InputError(f"deconvolution needs counts: {section.slide} is {section.scale}")
        names = keys_of(section.slide, section.spots)
        found = deconvolve(section.expression, section.genes, names, bank, settings=settings)
        tables.append(pd.DataFrame(found.values, index=found.spots, columns=found.types))
    table = pd.concat(tables)
    replace_text(out, table.to_csv(sep="," if out.suffix == ".csv" else "\t"))
    means = table.groupby([split_key(key)[0] for key in table.index]).mean()
    print_frame(means, title=f"mean proportions, {len(table)} spots", index="slide")


def _read(
    cells: list[str] | None,
    profiles: list[str] | None,
    profile_types: str | None,
    columns: tuple[str, str | None, str | None, str | None],
    type_map: TypeMap | None,
    per_type: int | None,
) -> list[CellBank]:
    type_column, donor_column, layer, gene_column = columns
    named = [_named(text) for text in [*(cells or []), *(profiles or [])]]
    absent = [str(file) for _, file in named if not file.is_file()]
    if absent:
        raise InputError(f"files that do not exist: {', '.join(absent)}")
    parts = [
        cells_from_anndata(
            read_anndata(file),
            dataset=name,
            type_column=type_column,
            donor_column=donor_column,
            layer=layer,
            gene_column=gene_column,
            type_map=type_map,
            per_type=per_type,
            source=file.name,
        )
        for name, file in map(_named, cells or [])
    ]
    only = [kind.strip() for kind in profile_types.split(",")] if profile_types else None
    parts += [
        cells_from_profiles(file, dataset=name, type_map=type_map, only=only, source=file.name)
        for name, file in map(_named, profiles or [])
    ]
    return parts


def _named(text: str) -> tuple[str, Path]:
    name, equals, file = text.partition("=")
    path = Path(file if equals else text)
    return (name if equals else name_of_file(path)), path


def _show(bank: CellBank, path: Path, json: Path | None) -> None:
    facts = describe_cells(bank)
    write_json(json, facts)
    print_frame(
        pd.DataFrame(facts.pop("types")).set_index("cell_type"), title=str(path), index="cell_type"
    )
    datasets = pd.DataFrame(facts.pop("datasets")).set_index("dataset")
    print_frame(datasets, title="data sets", index="dataset")
    print_facts(facts)
