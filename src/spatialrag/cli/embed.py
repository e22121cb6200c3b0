"""``spatialrag embed``."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from spatialrag.cli.arguments import (
    Cache,
    Context,
    EncoderName,
    Her2st,
    Hest,
    PatchUm,
    Sections,
    Table,
    read_sections,
)
from spatialrag.cli.devices import Device, Devices, EncoderDevice
from spatialrag.cli.printing import console
from spatialrag.encoders.embed import embed as embed_spots


def embed(
    out: Annotated[Path, typer.Argument(help="Folder; one <slide>.npz per slide.")],
    slides: Table = None,
    her2st: Her2st = None,
    hest: Hest = None,
    sections: Sections = None,
    encoder: EncoderName = "color",
    device: Device = "cpu",
    encoder_device: EncoderDevice = None,
    patch_um: PatchUm = None,
    context: Context = 0,
    cache: Cache = None,
) -> None:
    """Embed the spots of slides: arrays 'embeddings' (n, dim) and 'barcodes'.

    Without context by default: `bank build --encoder precomputed:FOLDER` joins it.
    """
    made = Devices(device, encoder=encoder_device).make_encoder(encoder)
    for section in read_sections(slides, her2st, sections, hest):
        result = embed_spots(section, encoder=made, patch_um=patch_um, context=context, cache=cache)
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"{section.slide}.npz"
        aside = path.with_name(f".{path.name}.tmp")
        with aside.open("wb") as stream:
            np.savez_compressed(stream, embeddings=result.vectors, barcodes=result.spots)
        aside.replace(path)
        console().print(f"{path}: {result.vectors.shape[0]} spots x {result.vectors.shape[1]}")
