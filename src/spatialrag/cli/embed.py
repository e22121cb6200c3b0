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
from spatialrag.file_names import file_name
from spatialrag.replace import replace_file


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
        path = out / f"{file_name(section.slide)}.npz"
        with replace_file(path) as aside, aside.open("wb") as stream:
            np.savez_compressed(stream, embeddings=result.vectors, barcodes=result.spots)
        console().print(f"{path}: {result.vectors.shape[0]} spots x {result.vectors.shape[1]}")
