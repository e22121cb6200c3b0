"""Arguments that several verbs share."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from spatialrag.cli.printing import console
from spatialrag.errors import InputError
from spatialrag.escaping import terminal_text
from spatialrag.expression.cohort import read_cohort, read_her2st_cohort
from spatialrag.expression.hest import read_hest_cohort
from spatialrag.expression.section import Section
from spatialrag.outputs import check_output
from spatialrag.prediction.backbones.from_file import read_names
from spatialrag.replace import replace_text
from spatialrag.retrieval.anchors import RULES

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
    str | None, typer.Option("--encoder", help="The encoder the bank was built with.")
]
BackboneName = Annotated[
    str,
    typer.Option(
        "--backbone",
        help="Initial prediction of anchor genes: linear, probe, histogene, bleep, triplex, stem "
        "or deepspot, trained on the references.",
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
Context = Annotated[
    int, typer.Option("--context", help="Nearest spots whose mean vector is joined; 0 for none.")
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
Json = Annotated[Path | None, typer.Option("--json", help="Write the result here as JSON.")]


def read_sections(
    table: Path | None, her2st: Path | None, sections: str | None, hest: Path | None = None
) -> list[Section]:
    """Read the cohort that the arguments name."""
    wanted = [name.strip() for name in sections.split(",")] if sections else None
    if sum(given is not None for given in (table, her2st, hest)) != 1:
        raise InputError(
            "which slides?",
            expected="one of --slides slides.csv, --her2st FOLDER and --hest FOLDER",
        )
    if her2st is not None:
        found = read_her2st_cohort(her2st, wanted)
    elif hest is not None:
        found = read_hest_cohort(hest, wanted)
    else:
        found = _of_table(table, wanted)
    print_notes(found)
    return found


def print_notes(sections: Sequence[Section]) -> None:
    """Print what reading left out or changed."""
    for note in dict.fromkeys(note for section in sections for note in section.notes):
        console().print(terminal_text(f"note: {note}"))


def _of_table(table: Path, wanted: list[str] | None) -> list[Section]:
    cohort = read_cohort(table)
    if wanted is None:
        return cohort
    missing = set(wanted) - {section.slide for section in cohort}
    if missing:
        raise InputError(f"slides not in {table}: {', '.join(sorted(missing))}")
    return [section for section in cohort if section.slide in wanted]


def read_anchors(anchors: str) -> str | list[str]:
    """Return the rule by which anchor genes are chosen, or the genes that a file lists."""
    if anchors in RULES:
        return anchors
    if not Path(anchors).is_file():
        raise InputError(
            "unknown anchor genes",
            expected=f"one of {', '.join(RULES)}, or a file of names, one per line",
            got=repr(anchors),
        )
    return read_names(anchors)


def check_outputs(
    *outputs: Path | None, inputs: Iterable[Path | None] = (), folder: bool = False
) -> None:
    """Check, before any work, that results can be written and replace nothing that is read.

    Parameters
    ----------
    outputs
        Files that were asked for; None is passed over.
    inputs
        What is read.
    folder
        Whether the outputs are folders, such as banks.
    """
    read = list(inputs)
    for path in outputs:
        if path == Path("-"):
            raise InputError("'-' is no file to write", fix="name a file, e.g. result.json")
        if path is not None:
            check_output(path, inputs=read, folder=folder)


def write_json(path: Path | None, value: object) -> None:
    """Write a result as JSON when a file was asked for."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps(value, indent=1) + "\n")
