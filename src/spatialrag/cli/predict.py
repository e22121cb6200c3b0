"""``spatialrag predict``."""

from pathlib import Path
from typing import Annotated

import typer

from spatialrag.bank.bank import Bank
from spatialrag.bank.build import cut_thumbnails
from spatialrag.bank.store import open_bank
from spatialrag.cli.arguments import Cache, Json, write_json
from spatialrag.cli.printing import console
from spatialrag.encoders.embed import check_encoder, embed
from spatialrag.errors import InputError
from spatialrag.expression.read import read_positions
from spatialrag.prediction.backbones.from_file import FromFile
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.generag.tuning import tune
from spatialrag.prediction.prediction import picture_tissue
from spatialrag.prediction.predictor import Queries
from spatialrag.prediction.store import write_prediction
from spatialrag.slides.spots import Spots
from spatialrag.slides.tissue import grid_spots


def predict(
    bank: Annotated[Path, typer.Argument(help="The bank, e.g. bank.zarr.")],
    out: Annotated[Path, typer.Argument(help="The prediction to write, .h5ad.")],
    slide: Annotated[str, typer.Option("--slide", help="Name of the query slide.")],
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
    image: Annotated[Path | None, typer.Option("--image", help="The H&E file.")] = None,
    mpp: Annotated[float | None, typer.Option("--mpp", help="µm per pixel of the image.")] = None,
    encoder: Annotated[
        str | None, typer.Option("--encoder", help="The encoder the bank was built with.")
    ] = None,
    image_weight: Annotated[
        float | None, typer.Option("--image-weight", help="w of Eq. 1, 0 to 1.")
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option("--strength", help="l of Eq. 1, as a fraction of the vanishing strength."),
    ] = None,
    tuned: Annotated[
        bool, typer.Option("--tune", help="Choose both inside the bank, leaving its slides out.")
    ] = False,
    initial: Annotated[
        Path | None,
        typer.Option("--initial", help="Someone else's predictions (h5ad, csv, tsv, parquet)."),
    ] = None,
    initial_scale: Annotated[
        str | None,
        typer.Option("--initial-scale", help="Their scale: counts, log1p, log1p_cp10k or log2p1."),
    ] = None,
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
    cache: Cache = None,
    json: Json = None,
) -> None:
    """Predict the whole transcriptome of a slide's spots from a bank, with citations."""
    references = open_bank(bank).without(slides=exclude_slide or [], donors=exclude_donor or [])
    if spots is not None:
        located = read_positions(spots, slide=slide, image=image, mpp=mpp)
    else:
        located = grid_spots(image, slide=slide, mpp=mpp, spacing_um=grid_um)
    settings = _settings(image_weight, strength, scale, initial, initial_scale)
    queries, thumbnails = _embed(located, references, encoder, cache)
    if tuned:
        settings = tune(references, settings).best
    prediction = settings.fit(references).predict(queries, removed=removed)
    tissue = None if located.image is None else picture_tissue(located)
    write_prediction(prediction.with_pictures(thumbnails, tissue), out)
    facts = {
        "spots": len(prediction.spots),
        "genes": len(prediction.genes),
        "scale": prediction.scale,
        "image_weight": settings.image_weight,
        "strength": settings.strength,
        "references_per_spot": float(prediction.citations.n_active.mean()),
        "effective_number": float(prediction.citations.effective_number.mean()),
        "largest_relative_gap": float(prediction.certificate["relative_gap"].max()),
        "genes_with_missing_values": int(prediction.missing.any(axis=0).sum()),
    }
    for name, value in facts.items():
        console().print(f"{name}: {value}", highlight=False)
    write_json(json, facts)


def _settings(
    image_weight: float | None,
    strength: float | None,
    scale: str,
    initial: Path | None,
    initial_scale: str | None,
) -> GeneRAG:
    stated = {"image_weight": image_weight, "strength": strength}
    chosen = {name: value for name, value in stated.items() if value is not None}
    if initial is None:
        return GeneRAG(scale=scale, **chosen)
    if initial_scale is None:
        raise InputError("the scale of --initial is not declared", fix="pass --initial-scale")
    backbone = FromFile(initial, scale=initial_scale)
    return GeneRAG(scale=scale, backbone=backbone, **{"image_weight": 0.0, **chosen})


def _embed(
    located: Spots, bank: Bank, encoder: str | None, cache: Path | None
) -> tuple[Queries, object]:
    if bank.encoder is None:
        return located, None
    check_encoder(encoder, bank.encoder)
    vectors = embed(
        located,
        encoder=encoder,
        patch_um=bank.encoder.patch_um,
        context=bank.encoder.context,
        cache=cache,
    )
    if bank.thumbnails is None or located.image is None:
        return vectors, None
    size = bank.thumbnails.shape[1]
    return vectors, cut_thumbnails(located, patch_um=bank.encoder.patch_um, size_px=size)
