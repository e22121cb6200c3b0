"""Arguments that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

from spatialrag.errors import InputError
from spatialrag.jobs.slides import Slides

Table = Annotated[
    Path | None,
    typer.Option(
        "--slides",
        help="slides.csv: columns slide, donor, expression, and optionally image, mpp (µm per "
        "pixel), pitch_um (spot pitch, µm), layer (or raw), scale, library, gene_column, mpp_from. "
        "Paths are relative to the table.",
    ),
]
Her2st = Annotated[
    Path | None, typer.Option("--her2st", help="A clone of the HER2ST repository instead.")
]
Hest = Annotated[
    Path | None,
    typer.Option("--hest", help="A HEST-1k folder instead: st/, wsis/ or patches/, metadata/."),
]
Sections = Annotated[
    str | None, typer.Option("--sections", help="Only these slides, e.g. B4,C2,C3,C4.")
]
EncoderName = Annotated[
    str,
    typer.Option(
        "--encoder",
        help="color, onnx:PATH, precomputed:FOLDER (one file per slide), or a published one "
        "(`spatialrag encoders list`), e.g. uni or uni:FOLDER.",
    ),
]
BankEncoder = Annotated[
    str | None,
    typer.Option(
        "--encoder", help="The encoder the bank was built with; needless where that is color."
    ),
]
BackboneName = Annotated[
    str | None,
    typer.Option(
        "--backbone",
        help="Initial prediction of anchor genes, trained on the references: stack (the default: "
        "ridge, kernel ridge, nearest references and depth, weighted), linear (that of the "
        "published presets), probe, histogene, bleep, triplex, stem or deepspot.",
    ),
]
Anchors = Annotated[
    str,
    typer.Option(
        "--anchors",
        help="Anchor genes: the most variable ones (variable), those most co-expressed with others "
        "(coexpressed), or a file of names, one per line.",
    ),
]
PatchUm = Annotated[
    float | None,
    typer.Option(
        "--patch-um",
        help="Side of the patches, µm; what the encoder was trained on by default, else 150.",
    ),
]
_CONTEXT = typer.Option("--context", help="Nearest spots whose mean vector is joined; 0 for none.")
Context = Annotated[int, _CONTEXT]
ContextIfAny = Annotated[int | None, _CONTEXT]
ContextUm = Annotated[
    str | None,
    typer.Option(
        "--context-um",
        help="Join rings of spots around each in place of the nearest: outer radii in µm, e.g. "
        "200,400,600.",
    ),
]
Centring = Annotated[
    float | None,
    typer.Option("--centring", help="Share of its slide's mean taken from each vector, 0 to 1."),
]
Smoothing = Annotated[
    float | None,
    typer.Option(
        "--smoothing", help="Share of Eq. 2 that sums smoothed references, 0 to 1; 0: as measured."
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option("--cache", help="Folder that keeps embeddings by content; runs resume from it."),
]
Layer = Annotated[
    str | None, typer.Option("--layer", help="Layer that holds the expression, or raw; X if none.")
]
Library = Annotated[
    str | None,
    typer.Option("--library", help="Which slide of a file that holds several, or COLUMN=NAME."),
]
GeneColumn = Annotated[
    str | None,
    typer.Option("--gene-column", help="Column of var with the names of genes, or index."),
]
BankPath = Annotated[Path, typer.Argument(help="The bank, e.g. bank.zarr.")]
WithoutSlide = Annotated[
    list[str] | None,
    typer.Option("--exclude-slide", help="Never learn from or cite this slide (repeatable)."),
]
WithoutDonor = Annotated[
    list[str] | None,
    typer.Option("--exclude-donor", help="Never learn from or cite this donor (repeatable)."),
]
AllowSelf = Annotated[
    bool,
    typer.Option(
        "--allow-self",
        help="Predict a slide that the bank holds, under whatever name, from itself; marked.",
    ),
]
NCore = Annotated[int, typer.Option("--core", help="Core genes.")]
NGlobal = Annotated[int, typer.Option("--global", help="Global genes at most.")]
Gmt = Annotated[Path | None, typer.Option("--gmt", help="Gene sets to score per spot.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the result here as JSON.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what exists.")]


def slides_of(
    table: Path | None, her2st: Path | None, hest: Path | None, sections: str | None
) -> Slides:
    """Return the slides that the options name."""
    names = tuple(name.strip() for name in sections.split(",")) if sections else ()
    return Slides(table, her2st, hest, names)


def numbers(text: str | None, *, option: str) -> tuple[float, ...]:
    """Return the numbers of an option, separated by commas; none without it."""
    try:
        return tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError as error:
        raise InputError(
            f"{option} wants numbers separated by commas", expected="0,0.5,1", got=text or ""
        ) from error
