"""``spatialrag loso``."""

from pathlib import Path
from typing import Annotated

import typer

from spatialrag.bank.build import build_bank
from spatialrag.bank.store import open_bank
from spatialrag.cells.build import TYPE_COLUMN
from spatialrag.cells.cell_bank import CellBank
from spatialrag.cli.arguments import (
    Anchors,
    BackboneName,
    Cache,
    Context,
    EncoderName,
    Her2st,
    Hest,
    PatchUm,
    Sections,
    Table,
    check_outputs,
    read_anchors,
    read_sections,
)
from spatialrag.cli.cell_arguments import (
    CellsFile,
    ProportionsFile,
    TypeColumn,
    TypeMapFile,
    read_cells,
    read_given_proportions,
)
from spatialrag.cli.devices import (
    BackboneDevice,
    Device,
    Devices,
    EncoderDevice,
    SolverDevice,
)
from spatialrag.cli.printing import print_report
from spatialrag.encoders.embed import CONTEXT
from spatialrag.errors import InputError
from spatialrag.evaluation.devices import solved_on
from spatialrag.evaluation.loso import check_leave, loso as leave_one_out
from spatialrag.evaluation.methods import image_weight_rows, ragst_rows, standard_rows
from spatialrag.expression.proportions import Proportions
from spatialrag.metrics.biology import read_gmt
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.predictor import Predictor

_METHODS = ("generag", "ragst")


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
    context: Context = CONTEXT,
    cache: Cache = None,
    leave: Annotated[str, typer.Option("--leave", help="slide or donor.")] = "slide",
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
    backbone: BackboneName = "linear",
    anchors: Anchors = "variable",
    method: Annotated[
        str,
        typer.Option("--method", help="generag; or ragst, which adds its rows (needs --cells)."),
    ] = "generag",
    cells: CellsFile = None,
    type_column: TypeColumn = TYPE_COLUMN,
    type_map: TypeMapFile = None,
    proportions: ProportionsFile = None,
    n_core: Annotated[int, typer.Option("--core", help="Core genes.")] = 300,
    n_global: Annotated[int, typer.Option("--global", help="Global genes at most.")] = 5000,
    gmt: Annotated[Path | None, typer.Option("--gmt", help="Gene sets to score per spot.")] = None,
    device: Device = "cpu",
    encoder_device: EncoderDevice = None,
    backbone_device: BackboneDevice = None,
    solver_device: SolverDevice = None,
    json: Annotated[
        Path | None,
        typer.Option("--json", help="Write JSON here, and beside it .md and a per-gene .csv."),
    ] = None,
) -> None:
    """Leave one slide (or donor) out: predict it from the others, beside every control."""
    check_leave(leave)
    if json is not None and json.suffix != ".json":
        raise InputError(f"{json.name} is not JSON", expected="a name that ends in .json")
    check_outputs(json, inputs=[slides, bank])
    if method not in _METHODS:
        raise InputError(f"unknown method {method!r}", expected=f"one of {', '.join(_METHODS)}")
    devices = Devices(device, encoder_device, backbone_device, solver_device)
    single_cell = None
    if method == "ragst":
        single_cell = read_cells(cells, type_column, type_map, her2st)
    solver = devices.make_solver()
    settings = GeneRAG(
        backbone=devices.make_backbone(backbone), anchors=read_anchors(anchors), solver=solver
    )
    sets = read_gmt(gmt) if gmt else None
    extra = image_weight_rows(settings, _numbers(image_weights)) if image_weights else []
    if bank is not None:
        cohort = open_bank(bank)
    else:
        made = devices.make_encoder(encoder)
        cohort = build_bank(
            read_sections(slides, her2st, sections, hest),
            encoder=made,
            patch_um=patch_um,
            context=context,
            thumbnail_px=0,
            cache=cache,
        )
    rows = standard_rows(settings, cohort, n_core=n_core, tuned=tuned) + extra
    if single_cell is not None:
        given = read_given_proportions(proportions, her2st, list(cohort.slides.index))
        rows = ragst_rows(_ragst(single_cell, given, device)) + rows
    report = leave_one_out(
        cohort,
        settings=settings,
        rows=solved_on(rows, solver.device),
        leave=leave,
        n_core=n_core,
        n_global=n_global,
        gene_sets=sets,
    )
    if json is not None:
        report.write(json)
    print_report(report)


def _ragst(cells: CellBank, proportions: Proportions | None, device: str) -> Predictor:
    from spatialrag.prediction.ragst.generator import Generator
    from spatialrag.prediction.ragst.ragst import RAGST

    return RAGST(cells, proportions, generator=Generator(device=device))


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(
            "--image-weights is not a list of numbers", expected="e.g. 0,0.25,0.5", got=text
        ) from error
