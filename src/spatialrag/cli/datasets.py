"""``spatialrag datasets``: list, show, fetch, verify, export, import."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from spatialrag.cli.arguments import Json, Overwrite
from spatialrag.cli.printing import console, print_frame
from spatialrag.datasets.bundle import export_bank, import_bank
from spatialrag.datasets.fetch import fetch as fetch_cohort, verify as verify_cohort
from spatialrag.datasets.manifest import find_cohort, read_manifest
from spatialrag.jobs.outputs import check_outputs, write_json

app = typer.Typer(
    help="Cohorts with H&E and expression, and the single cells that go with them.",
    no_args_is_help=True,
)

Manifest = Annotated[
    Path | None, typer.Option("--manifest", help="Another manifest (TOML) than the one that ships.")
]
Name = Annotated[str, typer.Argument(help="A cohort, as `datasets list` names it.")]
To = Annotated[Path, typer.Option("--to", help="Folder that holds cohorts.")]


@app.command(name="list")
def list_cohorts(
    manifest: Manifest = None, json: Json = None, overwrite: Overwrite = False
) -> None:
    """List the cohorts."""
    check_outputs(json, overwrite=overwrite)
    cohorts = read_manifest(manifest)
    table = pd.DataFrame(
        {
            name: {
                "organ": cohort.organ,
                "species": cohort.species,
                "slides": len(cohort.slides),
                "access": cohort.access,
                "licence": cohort.licence,
                "title": cohort.title,
            }
            for name, cohort in cohorts.items()
        }
    ).T
    print_frame(table, title=f"{len(table)} cohorts", index="name")
    write_json(json, table.reset_index(names="name").to_dict("records"))


@app.command()
def show(
    name: Name, manifest: Manifest = None, json: Json = None, overwrite: Overwrite = False
) -> None:
    """Tell all about one cohort: licence, citation, slides, sources, and the cells to use."""
    check_outputs(json, overwrite=overwrite)
    cohort = find_cohort(read_manifest(manifest), name)
    facts = asdict(cohort)
    out = console()
    for key, value in facts.items():
        if key not in ("sources", "census"):
            text = ", ".join(map(str, value)) if isinstance(value, tuple) else value
            out.print(f"{key}: {text}", highlight=False)
    for source in cohort.sources:
        where = source.repository or f"{len(source.files)} files"
        out.print(f"source: {source.kind}, {where}", highlight=False)
    if cohort.access == "gated":
        out.print("gated: terms must be accepted, and a token is needed", highlight=False)
    if cohort.census is not None:
        parts = [f"--census-tissue {tissue!r}" for tissue in cohort.census.tissue]
        out.print(f"cells: spatialrag cells build cells.zarr {parts[0]} --per-type 500")
    write_json(json, facts)


@app.command()
def fetch(
    name: Name,
    to: To = Path("cohorts"),
    slides: Annotated[
        str | None, typer.Option("--slides", help="Only these, separated by commas.")
    ] = None,
    manifest: Manifest = None,
) -> None:
    """Fetch a cohort's files; an interrupted fetch goes on where it stopped."""
    cohort = find_cohort(read_manifest(manifest), name)
    console().print(f"licence: {cohort.licence}\ncite: {cohort.citation}", highlight=False)
    chosen = [slide.strip() for slide in slides.split(",")] if slides else None
    console().print(f"fetched into {fetch_cohort(cohort, to, slides=chosen)}", highlight=False)


@app.command()
def verify(name: Name, to: To = Path("cohorts"), manifest: Manifest = None) -> None:
    """Hash fetched files against what was published or recorded."""
    count = verify_cohort(find_cohort(read_manifest(manifest), name), to)
    console().print(f"{name}: {count} files verified", highlight=False)


@app.command()
def export(
    name: Name,
    bank: Annotated[Path, typer.Argument(help="A bank that was built from the cohort.")],
    out: Annotated[Path, typer.Argument(help="The bundle to write, .zip.")],
    manifest: Manifest = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a bank as a bundle to share, with a data card."""
    check_outputs(out, overwrite=overwrite, inputs=[bank])
    path = export_bank(bank, out, cohort=find_cohort(read_manifest(manifest), name))
    console().print(f"written: {path}", highlight=False)


@app.command(name="import")
def import_bundle(
    bundle: Annotated[Path, typer.Argument(help="As `datasets export` writes it, .zip.")],
    bank: Annotated[Path, typer.Argument(help="The bank to make, e.g. bank.zarr.")],
    overwrite: Overwrite = False,
) -> None:
    """Unpack the bank of a bundle: every file is checked, and the bank verified."""
    made = import_bank(bundle, bank, overwrite=overwrite)
    console().print(f"{bank}: {made.n_references} references, {made.fingerprint[:16]}")
