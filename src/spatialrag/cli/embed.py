"""``spatialrag embed``."""

from pathlib import Path
from typing import Annotated

import typer

from spatialrag.cli.arguments import (
    Cache,
    Context,
    EncoderName,
    Her2st,
    Hest,
    Overwrite,
    PatchUm,
    Sections,
    Table,
    slides_of,
)
from spatialrag.cli.devices import Device, EncoderDevice
from spatialrag.cli.printing import console, print_notes
from spatialrag.jobs.devices import Devices
from spatialrag.jobs.embedding import EmbedRequest, embed as run


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
    overwrite: Overwrite = False,
) -> None:
    """Embed the spots of slides: arrays 'embeddings' (n, dim) and 'barcodes'.

    Without context by default: `bank build --encoder precomputed:FOLDER` joins it.
    """
    request = EmbedRequest(
        slides=slides_of(slides, her2st, hest, sections),
        out=out,
        encoder=encoder,
        patch_um=patch_um,
        context=context,
        cache=cache,
        devices=Devices(device, encoder=encoder_device),
        overwrite=overwrite,
    )
    for done in run(request):
        print_notes(done.notes)
        n_spots, dim = done.embeddings.vectors.shape
        console().print(f"{done.path}: {n_spots} spots x {dim}")
