"""Arguments of verbs that predict a slide."""

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path, typer.Argument(help="The prediction to write, .h5ad.")]
Slide = Annotated[str, typer.Option("--slide", help="Name of the query slide.")]
Image = Annotated[Path | None, typer.Option("--image", help="The H&E file.")]
MppFrom = Annotated[
    str | None,
    typer.Option(
        "--mpp-from", help="Which source of µm per pixel to believe: given, image, pitch or file."
    ),
]
DropMissing = Annotated[
    bool, typer.Option("--drop-missing", help="Leave out genes that some spot has no value of.")
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
