"""``spatialrag loso``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from spatialrag.cells.build import TYPE_COLUMN
from spatialrag.cli.arguments import (
    Anchors,
    BackboneName,
    Cache,
    Centring,
    ContextIfAny,
    ContextUm,
    EncoderName,
    Gmt,
    Her2st,
    Hest,
    NCore,
    NGlobal,
    Overwrite,
    PatchUm,
    Sections,
    Smoothing,
    Table,
    numbers,
    slides_of,
)
from spatialrag.cli.cell_arguments import (
    CellsFile,
    ProportionsFile,
    TypeColumn,
    TypeMapFile,
    cells_of,
)
from spatialrag.cli.devices import BackboneDevice, Device, EncoderDevice, SolverDevice
from spatialrag.cli.printing import print_notes, print_report
from spatialrag.jobs.cells import GivenProportions
from spatialrag.jobs.devices import Devices
from spatialrag.jobs.generag import Retrieval
from spatialrag.jobs.leave_one_out import LeaveOneOutRequest, leave_one_out


def loso(
    slides: Table = None,
    her2st: Her2st = None,
    hest: Hest = None,
    sections: Sections = None,
    bank: Annotated[
        Path | None, typer.Option("--bank", help="A bank with embeddings instead of a cohort.")
    ] = None,
    encoder: EncoderName = "color",
    patch_um: PatchUm = None,
    context: ContextIfAny = None,
    context_um: ContextUm = None,
    centring: Centring = None,
    smoothing: Smoothing = None,
    cache: Cache = None,
    leave: Annotated[
        Literal["slide", "donor"], typer.Option("--leave", help="What is left out at a time.")
    ] = "slide",
    tuned: Annotated[
        bool,
        typer.Option(
            "--tune/--no-tune",
            help="Add a row whose image_weight and strength are chosen inside each fold.",
        ),
    ] = False,
    image_weights: Annotated[
        str | None,
        typer.Option("--image-weights", help="Add a row per image weight, e.g. 0,0.25,0.5,0.75,1."),
    ] = None,
    backbone: BackboneName = None,
    anchors: Anchors = "variable",
    method: Annotated[
        Literal["generag", "ragst"],
        typer.Option("--method", help="ragst adds its rows (needs --cells)."),
    ] = "generag",
    cells: CellsFile = None,
    type_column: TypeColumn = TYPE_COLUMN,
    type_map: TypeMapFile = None,
    proportions: ProportionsFile = None,
    n_core: NCore = 300,
    n_global: NGlobal = 5000,
    gmt: Gmt = None,
    device: Device = "cpu",
    encoder_device: EncoderDevice = None,
    backbone_device: BackboneDevice = None,
    solver_device: SolverDevice = None,
    json: Annotated[
        Path | None,
        typer.Option("--json", help="Write JSON here, and beside it .md and a per-gene .csv."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Leave one slide (or donor) out: predict it from the others, beside every control."""
    single_cells = None
    if method == "ragst":
        single_cells = cells_of(cells, type_column, type_map, her2st)
    report, notes = leave_one_out(
        LeaveOneOutRequest(
            cohort=bank or slides_of(slides, her2st, hest, sections),
            encoder=encoder,
            patch_um=patch_um,
            context=context,
            cache=cache,
            leave=leave,
            retrieval=Retrieval(
                backbone=backbone,
                anchors=anchors,
                smoothing=smoothing,
                centring=centring,
                context_um=numbers(context_um, option="--context-um") or None,
            ),
            tuned=tuned,
            image_weights=numbers(image_weights, option="--image-weights"),
            cells=single_cells,
            proportions=GivenProportions(proportions, her2st),
            n_core=n_core,
            n_global=n_global,
            gmt=gmt,
            devices=Devices(device, encoder_device, backbone_device, solver_device),
            json=json,
            overwrite=overwrite,
        )
    )
    print_notes(notes)
    print_report(report)
