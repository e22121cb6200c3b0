"""``spatialrag predict``."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from spatialrag.bank.store import open_bank
from spatialrag.cli.arguments import (
    Anchors,
    BackboneName,
    BankEncoder,
    Cache,
    Json,
    Library,
    check_outputs,
    read_anchors,
    write_json,
)
from spatialrag.cli.devices import (
    BackboneDevice,
    Device,
    Devices,
    EncoderDevice,
    SolverDevice,
)
from spatialrag.cli.printing import print_facts
from spatialrag.cli.queries import (
    Image,
    Mpp,
    MppFrom,
    Out,
    PitchUm,
    Slide,
    embed_queries,
    write_with_pictures,
)
from spatialrag.errors import InputError
from spatialrag.expression.read import read_positions
from spatialrag.prediction.backbones.from_file import FromFile
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.generag.tuning import ImageWeightChosen
from spatialrag.slides.tissue import grid_spots


def predict(
    bank: Annotated[Path, typer.Argument(help="The bank, e.g. bank.zarr.")],
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
    image_weight: Annotated[
        float | None, typer.Option("--image-weight", help="w of Eq. 1, 0 to 1.")
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option("--strength", help="l of Eq. 1, as a fraction of the vanishing strength."),
    ] = None,
    tuned: Annotated[
        bool,
        typer.Option(
            "--tune", help="Choose the image weight inside the bank, leaving its slides out."
        ),
    ] = False,
    backbone: BackboneName = "linear",
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
        str, typer.Option("--missing", help="raise, or drop anchors that the bank lacks.")
    ] = "raise",
    scale: Annotated[
        str, typer.Option("--scale", help="Expression scale: counts, log1p or log1p_cp10k.")
    ] = "log1p_cp10k",
    exclude_slide: Annotated[
        list[str] | None, typer.Option("--exclude-slide", help="Never cite this slide.")
    ] = None,
    exclude_donor: Annotated[
        list[str] | None, typer.Option("--exclude-donor", help="Never cite this donor.")
    ] = None,
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
    json: Json = None,
) -> None:
    """Predict the whole transcriptome of a slide's spots from a bank, with citations."""
    check_outputs(out, json, inputs=[bank, spots, image, initial])
    _check_combination(
        tuned=tuned,
        image_weight=image_weight,
        initial=initial,
        about_initial=(initial_scale, initial_genes, initial_spots),
    )
    devices = Devices(device, encoder_device, backbone_device, solver_device)
    initial_backbone = devices.make_backbone(backbone)
    chosen = read_anchors(anchors)
    references = open_bank(bank).without(slides=exclude_slide or [], donors=exclude_donor or [])
    if spots is not None:
        located = read_positions(
            spots,
            slide=slide,
            image=image,
            mpp=mpp,
            pitch_um=pitch_um,
            library=library,
            mpp_from=mpp_from,
        )
    elif pitch_um is not None:
        raise InputError(
            "--pitch-um is the distance between given spots",
            expected="--spots with it",
            fix="without spots, give --mpp; --grid-um is the distance between the grid's",
        )
    else:
        located = grid_spots(image, slide=slide, mpp=mpp, spacing_um=grid_um)
    stated = {"image_weight": image_weight, "strength": strength}
    settings = GeneRAG(
        scale=scale,
        missing=missing,
        solver=devices.make_solver(),
        backbone=initial_backbone,
        anchors=chosen,
        **_given(stated),
    )
    if initial is not None and backbone != "linear":
        raise InputError("two initial predictions", expected="--initial or --backbone")
    if initial is not None:
        file = FromFile(
            initial,
            scale=initial_scale or "undeclared",
            genes=initial_genes,
            spots=initial_spots,
            samples=initial_samples,
        )
        settings = replace(settings, backbone=file, image_weight=image_weight or 0.0)
    queries, thumbnails = located, None
    if initial is None or settings.image_weight > 0:
        queries, thumbnails = embed_queries(located, references, encoder, cache, devices=devices)
    method = ImageWeightChosen(settings) if tuned else settings
    fitted = method.fit(references)
    settings = fitted.settings
    prediction = fitted.predict(queries, removed=removed)
    facts = write_with_pictures(prediction, located, thumbnails, out)
    facts |= {
        "image_weight": settings.image_weight,
        "strength": settings.strength,
        "largest_relative_gap": float(prediction.certificate["relative_gap"].max()),
        "genes_with_missing_values": int(prediction.missing.any(axis=0).sum()),
    }
    write_json(json, facts)
    print_facts(facts)


def _check_combination(
    *,
    tuned: bool,
    image_weight: float | None,
    initial: Path | None,
    about_initial: tuple[object, ...],
) -> None:
    """Raise `InputError` for options of which one would do nothing."""
    if tuned and image_weight is not None:
        raise InputError(
            "the image weight is given, and is to be chosen", expected="--tune or --image-weight"
        )
    if tuned and initial is not None:
        raise InputError(
            "tuning trains the backbone again without each slide, which --initial cannot be",
            expected="--tune or --initial",
        )
    if initial is None and any(option is not None for option in about_initial):
        raise InputError(
            "--initial-scale, --initial-genes and --initial-spots describe a file",
            fix="name it: --initial FILE",
        )


def _given(options: dict[str, object]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
