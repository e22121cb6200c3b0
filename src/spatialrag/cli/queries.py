"""What verbs that predict a slide share: its arguments, its embeddings, the file they write."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from spatialrag.bank.bank import Bank
from spatialrag.bank.build import cut_thumbnails
from spatialrag.cli.devices import Devices
from spatialrag.encoders.embed import embed, side_of
from spatialrag.prediction.prediction import Prediction, picture_tissue
from spatialrag.prediction.predictor import Queries
from spatialrag.prediction.store import write_prediction
from spatialrag.slides.spots import Spots

Out = Annotated[Path, typer.Argument(help="The prediction to write, .h5ad.")]
Slide = Annotated[str, typer.Option("--slide", help="Name of the query slide.")]
Image = Annotated[Path | None, typer.Option("--image", help="The H&E file.")]
MppFrom = Annotated[
    str | None,
    typer.Option(
        "--mpp-from", help="Which source of µm per pixel to believe: given, image, pitch or file."
    ),
]
Mpp = Annotated[float | None, typer.Option("--mpp", help="µm per pixel of the image.")]
PitchUm = Annotated[
    float | None,
    typer.Option(
        "--pitch-um",
        help="Distance between neighboring spots, µm, from which µm per pixel are derived where "
        "neither --mpp nor the image says them: 100 for Visium.",
    ),
]


def embed_queries(
    located: Spots, bank: Bank, encoder: str | None, cache: Path | None, *, devices: Devices
) -> tuple[Queries, np.ndarray | None]:
    """Return query embeddings as the bank was embedded, and pictures of the patches or None."""
    bank.require_embeddings()
    made = devices.check_encoder(encoder, bank)
    vectors = embed(
        located,
        encoder=made,
        patch_um=bank.encoder.patch_um,
        context=bank.encoder.context,
        cache=cache,
    )
    if bank.thumbnails is None or located.image is None:
        return vectors, None
    size, side = bank.thumbnails.shape[1], side_of(None, bank.encoder.patch_um or None)
    located = located.of_names(vectors.spots)
    return vectors, cut_thumbnails(located, patch_um=side, size_px=size)


def write_with_pictures(
    prediction: Prediction, located: Spots, thumbnails: np.ndarray | None, out: Path
) -> dict[str, object]:
    """Write a prediction with pictures of its patches and tissue; return the facts of any kind."""
    tissue = None if located.image is None else picture_tissue(located)
    write_prediction(prediction.with_pictures(thumbnails, tissue), out)
    return {
        "spots": len(prediction.spots),
        "genes": len(prediction.genes),
        "scale": prediction.scale,
        "references_per_spot": float(prediction.citations.n_active.mean()),
        "effective_number": float(prediction.citations.effective_number.mean()),
    }
