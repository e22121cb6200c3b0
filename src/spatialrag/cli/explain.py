"""``spatialrag explain``."""

import math
from pathlib import Path
from typing import Annotated

import typer

from spatialrag.cli.arguments import Json, check_outputs, write_json
from spatialrag.cli.printing import console, print_frame
from spatialrag.escaping import csv_text
from spatialrag.explanation.explanation import Explanation, explain as explain_value
from spatialrag.plots.citations import save_citations
from spatialrag.prediction.store import read_prediction
from spatialrag.replace import replace_text

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
    check_outputs(csv, figure, json, inputs=[prediction])
    found = explain_value(read_prediction(prediction), spot=spot, gene=gene)
    tell(found, top=top, csv=csv, figure=figure, json=json)


def tell(
    found: Explanation, *, top: int, csv: Path | None, figure: Path | None, json: Path | None
) -> None:
    """Write what was asked for, then print the explanation."""
    if csv is not None:
        replace_text(csv, csv_text(found.citations, index=False))
    if figure is not None:
        save_citations(found, figure)
    facts = {name: getattr(found, name) for name in ("slide", "spot", "gene", "value", "scale")}
    facts["cited_value"] = found.cited_value
    facts["citations"] = (
        found.citations.astype(object).where(found.citations.notna(), None).to_dict("records")
    )
    write_json(json, facts)
    out = console()
    out.print(
        f"{found.gene} in {found.slide}:{found.spot} = {found.value:.4g} ({found.scale}); "
        f"{len(found.citations)} references contribute {found.cited_value:.4g}",
        highlight=False,
    )
    out.print(f"weight on references that measured it: {found.coverage:.0%}", highlight=False)
    if not math.isnan(found.from_morphology):
        out.print(
            f"fit from morphology {found.from_morphology:.0%}, from anchors "
            f"{found.from_anchors:.0%}",
            highlight=False,
        )
    if found.uncited_share:
        out.print(f"share of the prediction without citations: {found.uncited_share:.0%}")
    frame = found.citations.head(top).set_index("reference")
    print_frame(frame, title=f"strongest {len(frame)} of {len(found.citations)}", index="reference")
