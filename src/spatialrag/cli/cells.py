"""``spatialrag cells``: build, info, add, remove, verify, deconvolve."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from spatialrag.cells.build import TYPE_COLUMN
from spatialrag.cells.census import CensusQuery
from spatialrag.cells.deconvolve import Deconvolution
from spatialrag.cells.store import verify_cells
from spatialrag.cli.arguments import (
    GeneColumn,
    Her2st,
    Hest,
    Json,
    Layer,
    Overwrite,
    Sections,
    Table,
    slides_of,
)
from spatialrag.cli.cell_arguments import TypeColumn, TypeMapFile
from spatialrag.cli.printing import console, print_facts, print_frame, print_notes
from spatialrag.jobs import cell_banks as jobs
from spatialrag.names import split_key

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
    json: Json = None,
    overwrite: Overwrite = False,
) -> None:
    """Build a single-cell bank from h5ad files, tables of type means, or CELLxGENE Census."""
    census = None
    if census_tissue is not None:
        census = CensusQuery(
            (census_tissue,),
            disease=(census_disease,) if census_disease else (),
            assay=(census_assay,) if census_assay else (),
            version=census_version,
            uri=census_uri,
        )
    sources = jobs.CellSources(
        cells=tuple(cells or ()),
        profiles=tuple(profiles or ()),
        profile_types=_listed(profile_types),
        type_column=type_column,
        donor_column=donor_column,
        layer=layer,
        gene_column=gene_column,
        type_map=type_map,
        per_type=per_type,
        census=census,
        seed=seed,
    )
    _show(jobs.build(path, sources, json=json, overwrite=overwrite), path)


@app.command()
def info(path: CellsPath, json: Json = None, overwrite: Overwrite = False) -> None:
    """Tell what a single-cell bank holds."""
    _show(jobs.inspect(path, json=json, overwrite=overwrite), path)


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
    overwrite: Overwrite = False,
) -> None:
    """Add data sets; everything already in the bank stays bit-identical."""
    sources = jobs.CellSources(
        cells=tuple(cells or ()),
        profiles=tuple(profiles or ()),
        profile_types=_listed(profile_types),
        type_column=type_column,
        donor_column=donor_column,
        layer=layer,
        gene_column=gene_column,
        type_map=type_map,
        per_type=per_type,
    )
    _show(jobs.add(path, sources, json=json, overwrite=overwrite), path)


@app.command()
def remove(
    path: CellsPath,
    dataset: Annotated[list[str], typer.Option("--dataset", help="A data set (repeatable).")],
    json: Json = None,
    overwrite: Overwrite = False,
) -> None:
    """Remove data sets; everything else stays bit-identical."""
    _show(jobs.remove(path, tuple(dataset), json=json, overwrite=overwrite), path)


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
    overwrite: Overwrite = False,
) -> None:
    """Find the cell-type proportions of spots from their counts and the bank's types."""
    request = jobs.DeconvolveRequest(
        path,
        slides_of(slides, her2st, hest, sections),
        out,
        Deconvolution(n_genes=n_genes, platform=platform),
        overwrite=overwrite,
    )
    table, notes = jobs.deconvolve_slides(request)
    print_notes(notes)
    means = table.groupby([split_key(key)[0] for key in table.index]).mean()
    print_frame(means, title=f"mean proportions, {len(table)} spots", index="slide")


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",")) if text else ()


def _show(result: jobs.CellBankResult, path: Path) -> None:
    facts = dict(result.facts)
    print_notes(result.notes)
    print_frame(
        pd.DataFrame(facts.pop("types")).set_index("cell_type"), title=str(path), index="cell_type"
    )
    datasets = pd.DataFrame(facts.pop("datasets")).set_index("dataset")
    print_frame(datasets, title="data sets", index="dataset")
    print_facts(facts)
