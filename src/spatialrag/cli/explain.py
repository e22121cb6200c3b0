"""``spatialrag explain``."""

import math
from pathlib import Path
from typing import Annotated

import typer

from spatialrag.cli.arguments import Json
from spatialrag.cli.printing import console, print_frame
from spatialrag.explanation.explanation import Explanation
from spatialrag.jobs.explanation import ExplainRequest, explain as run

Spot = Annotated[str, typer.Option("--spot", help="Name of the spot.")]
Gene = Annotated[str, typer.Option("--gene", help="Name of the gene.")]
Top = Annotated[int, typer.Option("--top", help="Citations printed.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write every citation here.")]
Figure = Annotated[
    Path | None, typer.Option("--figure", help="Draw query and top references here (PNG).")
]


def explain(
    prediction: Annotated[Path, typer.Argument(help="A prediction by `spatialrag predict`.")],
    spot: Spot,
    gene: Gene,
    top: Top = 10,
    csv: Csv = None,
    figure: Figure = None,
    json: Json = None,
) -> None:
    """Tell which references a predicted value rests on, and how much each contributes."""
    found, _ = run(ExplainRequest(prediction, spot, gene, csv=csv, figure=figure, json=json))
    print_explanation(found, top=top)


def print_explanation(found: Explanation, *, top: int) -> None:
    """Print a value, what it rests on, and its strongest citations."""
    out = console()
    out.print(
        f"{found.gene} in {found.slide}:{found.spot} = {found.value:.4g} ({found.scale}); "
        f"{len(found.citations)} references contribute {found.cited_value:.4g}"
    )
    out.print(f"weight on references that measured it: {found.coverage:.0%}")
    if not math.isnan(found.from_morphology):
        out.print(
            f"fit from morphology {found.from_morphology:.0%}, from anchors "
            f"{found.from_anchors:.0%}"
        )
    if found.uncited_share:
        out.print(f"share of the prediction without citations: {found.uncited_share:.0%}")
    frame = found.citations.head(top).set_index("reference")
    print_frame(frame, title=f"strongest {len(frame)} of {len(found.citations)}", index="reference")
