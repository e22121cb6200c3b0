"""``spatialrag predict``."""

from pathlib import Path
from typing import Annotated

import typer

from spatialrag.cli.arguments import (
    AllowSelf,
    Anchors,
    BackboneName,
    BankEncoder,
    BankPath,
    Cache,
    Centring,
    ContextUm,
    Json,
    Library,
    Overwrite,
    Smoothing,
    WithoutDonor,
    WithoutSlide,
    numbers,
)
from spatialrag.cli.devices import BackboneDevice, Device, EncoderDevice, SolverDevice
from spatialrag.cli.printing import print_prediction
from spatialrag.cli.queries import DropMissing, Image, Mpp, MppFrom, Out, PitchUm, Slide
from spatialrag.errors import InputError
from spatialrag.expression.normalize import Scale
from spatialrag.jobs.devices import Devices
from spatialrag.jobs.generag import InitialFile, Preset, Retrieval
from spatialrag.jobs.prediction import PredictRequest, predict as run
from spatialrag.jobs.queries import QuerySlide
from spatialrag.retrieval.anchors import Missing


def predict(
    bank: BankPath,
    out: Out,
    slide: Slide,
    spots: Annotated[
        Path | None,
        typer.Option(
            "--spots",
            help="Spot centres: a table with columns x and y (pixels of the full-resolution "
            "image) and spot names first, an h5ad with obsm['spatial'], or Space Ranger output. "
            "Expression in it is not read. Without it, a grid over the tissue is used.",
        ),
    ] = None,
    grid_um: Annotated[
        float, typer.Option("--grid-um", help="Distance between the grid's spots, µm.")
    ] = 100.0,
    image: Image = None,
    mpp: Mpp = None,
    pitch_um: PitchUm = None,
    mpp_from: MppFrom = None,
    library: Library = None,
    encoder: BankEncoder = None,
    preset: Annotated[
        Preset,
        typer.Option(
            "--preset",
            help="Settings of GeneRAG: default, or published ones under the names of loso's rows: "
            "paper (Eq. 1 as printed), released (the published code, on counts), "
            "released_lognorm (the same on log1p_cp10k).",
        ),
    ] = "default",
    image_weight: Annotated[
        float | None, typer.Option("--image-weight", help="w of Eq. 1, 0 to 1.")
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option("--strength", help="l of Eq. 1, as a fraction of the vanishing strength."),
    ] = None,
    smoothing: Smoothing = None,
    centring: Centring = None,
    context_um: ContextUm = None,
    tuned: Annotated[
        bool,
        typer.Option(
            "--tune", help="Choose the image weight inside the bank, leaving its slides out."
        ),
    ] = False,
    stored: Annotated[
        bool,
        typer.Option(
            "--stored/--not-stored",
            help="Use what `bank tune` stored in the bank; options given here go before it.",
        ),
    ] = True,
    backbone: BackboneName = None,
    initial: Annotated[
        Path | None,
        typer.Option("--initial", help="Someone else's predictions (h5ad, csv, tsv, parquet)."),
    ] = None,
    initial_scale: Annotated[
        str | None,
        typer.Option("--initial-scale", help="Their scale: counts, log1p, log1p_cp10k or log2p1."),
    ] = None,
    initial_genes: Annotated[
        Path | None,
        typer.Option("--initial-genes", help="Gene names of a .npy or .pt array, one per line."),
    ] = None,
    initial_spots: Annotated[
        Path | None, typer.Option("--initial-spots", help="Its spot names, one per line.")
    ] = None,
    initial_samples: Annotated[
        int, typer.Option("--initial-samples", help="Samples per spot that its rows stack.")
    ] = 1,
    anchors: Anchors = "variable",
    missing: Annotated[
        Missing, typer.Option("--missing", help="What to do about anchors that the bank lacks.")
    ] = "raise",
    scale: Annotated[
        Scale | None,
        typer.Option(
            "--scale",
            help="Expression scale; log1p_cp10k when absent, counts for the preset released.",
        ),
    ] = None,
    exclude_slide: WithoutSlide = None,
    exclude_donor: WithoutDonor = None,
    allow_self: AllowSelf = False,
    removed: Annotated[
        int,
        typer.Option(
            "--removed",
            help="Leave out this many top references per spot, one by one, for explain.",
        ),
    ] = 3,
    device: Device = "cpu",
    encoder_device: EncoderDevice = None,
    backbone_device: BackboneDevice = None,
    solver_device: SolverDevice = None,
    cache: Cache = None,
    drop_missing: DropMissing = False,
    json: Json = None,
    overwrite: Overwrite = False,
) -> None:
    """Predict the whole transcriptome of a slide's spots from a bank, with citations."""
    method = Retrieval(
        preset=preset,
        backbone=backbone,
        anchors=anchors,
        missing=missing,
        scale=scale,
        image_weight=image_weight,
        strength=strength,
        smoothing=smoothing,
        centring=centring,
        context_um=numbers(context_um, option="--context-um") or None,
        tuned=tuned,
        stored=stored,
        initial=_initial(initial, initial_scale, initial_genes, initial_spots, initial_samples),
    )
    result = run(
        PredictRequest(
            bank=bank,
            queries=QuerySlide(slide, image, spots, grid_um, mpp, pitch_um, mpp_from, library),
            method=method,
            encoder=encoder,
            without_slides=tuple(exclude_slide or ()),
            without_donors=tuple(exclude_donor or ()),
            allow_self=allow_self,
            removed=removed,
            devices=Devices(device, encoder_device, backbone_device, solver_device),
            cache=cache,
            out=out,
            drop_missing=drop_missing,
            json=json,
            overwrite=overwrite,
        )
    )
    print_prediction(result, out, verb="explain")


def _initial(
    path: Path | None,
    scale: str | None,
    genes: Path | None,
    spots: Path | None,
    samples: int,
) -> InitialFile | None:
    if path is not None:
        return InitialFile(path, scale or "undeclared", genes, spots, samples)
    if any(given is not None for given in (scale, genes, spots)):
        raise InputError(
            "--initial-scale, --initial-genes and --initial-spots describe a file",
            fix="name it: --initial FILE",
        )
    return None
