"""``spatialrag ragst``: fit, predict, explain."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from spatialrag.cells.build import TYPE_COLUMN
from spatialrag.cli.arguments import (
    AllowSelf,
    BankEncoder,
    BankPath,
    Cache,
    Json,
    Library,
    Overwrite,
    WithoutDonor,
    WithoutSlide,
)
from spatialrag.cli.cell_arguments import ProportionsFile, TypeColumn, TypeMapFile
from spatialrag.cli.devices import Device, EncoderDevice
from spatialrag.cli.explain import AliasTable, Csv, Figure, Gene, Spot, Top, Wide, print_explanation
from spatialrag.cli.printing import print_facts, print_frame, print_notes, print_prediction
from spatialrag.cli.queries import DropMissing, Image, Mpp, MppFrom, Out, PitchUm, Slide
from spatialrag.explanation.types import carriers
from spatialrag.jobs import ragst as jobs
from spatialrag.jobs.cells import GivenProportions, SingleCells
from spatialrag.jobs.devices import Devices
from spatialrag.jobs.explanation import ExplainRequest, explain as explain_job
from spatialrag.jobs.prediction import PredictRequest
from spatialrag.jobs.queries import QuerySlide

app = typer.Typer(
    help="RAG-ST: cell types and single-cell references to expression.", no_args_is_help=True
)

CellsPath = Annotated[
    Path, typer.Argument(help="The single-cell bank, or an h5ad with counts and types.")
]


@app.command()
def fit(
    bank: BankPath,
    cells: CellsPath,
    out: Annotated[Path, typer.Argument(help="The model to write, .safetensors.")],
    proportions: ProportionsFile = None,
    her2st: Annotated[
        Path | None, typer.Option("--her2st", help="A HER2ST clone to take proportions from.")
    ] = None,
    type_column: TypeColumn = TYPE_COLUMN,
    type_map: TypeMapFile = None,
    references: Annotated[
        Literal["cells", "spots", "both"], typer.Option("--references", help="What is cited.")
    ] = "cells",
    n_retrieved: Annotated[int, typer.Option("--retrieved", help="References per spot.")] = 64,
    residual_share: Annotated[
        float,
        typer.Option("--residual-share", help="Largest share of the variance without citations."),
    ] = 0.2,
    steps: Annotated[int, typer.Option("--steps", help="Training steps of attention.")] = 250,
    seed: Annotated[int, typer.Option("--seed")] = 0,
    device: Device = "cpu",
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="Resume training from, and write it to.")
    ] = None,
    exclude_slide: WithoutSlide = None,
    exclude_donor: WithoutDonor = None,
    json: Json = None,
    overwrite: Overwrite = False,
) -> None:
    """Train both stages on a spatial bank and single cells."""
    facts, notes = jobs.fit(
        jobs.FitRequest(
            bank=bank,
            cells=SingleCells(cells, type_column, type_map, her2st),
            out=out,
            proportions=GivenProportions(proportions, her2st),
            references=references,
            n_retrieved=n_retrieved,
            residual_share=residual_share,
            steps=steps,
            seed=seed,
            devices=Devices(device),
            checkpoint=checkpoint,
            without_slides=tuple(exclude_slide or ()),
            without_donors=tuple(exclude_donor or ()),
            json=json,
            overwrite=overwrite,
        )
    )
    print_notes(notes)
    print_facts(facts)


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="The model that `ragst fit` wrote.")],
    bank: BankPath,
    cells: CellsPath,
    out: Out,
    slide: Slide,
    spots: Annotated[
        Path, typer.Option("--spots", help="Spot centres, as in `spatialrag predict`.")
    ],
    image: Image = None,
    mpp: Mpp = None,
    pitch_um: PitchUm = None,
    mpp_from: MppFrom = None,
    library: Library = None,
    encoder: BankEncoder = None,
    her2st: Annotated[
        Path | None, typer.Option("--her2st", help="Given to `ragst fit`: give it here too.")
    ] = None,
    type_column: TypeColumn = TYPE_COLUMN,
    type_map: TypeMapFile = None,
    residual: Annotated[
        bool, typer.Option("--residual/--no-residual", help="Add what rests on no citation.")
    ] = True,
    allow_self: AllowSelf = False,
    device: Device = "cpu",
    encoder_device: EncoderDevice = None,
    cache: Cache = None,
    drop_missing: DropMissing = False,
    json: Json = None,
    overwrite: Overwrite = False,
) -> None:
    """Predict a slide's spots, citing cells; the same banks as in `ragst fit`."""
    result = jobs.predict(
        PredictRequest(
            bank=bank,
            queries=QuerySlide(
                slide,
                image,
                spots,
                mpp=mpp,
                pitch_um=pitch_um,
                mpp_from=mpp_from,
                library=library,
            ),
            encoder=encoder,
            allow_self=allow_self,
            devices=Devices(device, encoder=encoder_device),
            cache=cache,
            out=out,
            drop_missing=drop_missing,
            json=json,
            overwrite=overwrite,
        ),
        model,
        SingleCells(cells, type_column, type_map, her2st),
        residual=residual,
    )
    print_prediction(result, out, verb="ragst explain")


@app.command()
def explain(
    prediction: Annotated[Path, typer.Argument(help="A prediction by `ragst predict`.")],
    spot: Spot,
    gene: Gene,
    top: Top = 0,
    wide: Wide = False,
    csv: Csv = None,
    figure: Figure = None,
    attention: Annotated[
        Path | None, typer.Option("--attention", help="Draw attention by cell type here (PNG).")
    ] = None,
    types_csv: Annotated[
        Path | None,
        typer.Option("--carriers", help="Write which types carry every gene here (CSV)."),
    ] = None,
    json: Json = None,
    overwrite: Overwrite = False,
    aliases: AliasTable = None,
) -> None:
    """Tell which cells a value rests on, which types carry the gene, and where types are cited."""
    request = ExplainRequest(
        prediction,
        spot,
        gene,
        csv=csv,
        figure=figure,
        attention=attention,
        carriers=types_csv,
        json=json,
        overwrite=overwrite,
        top=top,
        aliases=aliases,
    )
    found, read = explain_job(request)
    print_explanation(found, top=top, wide=wide)
    print_frame(
        carriers(read, [found.gene]), title="which types carry it, mean over spots", index="gene"
    )
