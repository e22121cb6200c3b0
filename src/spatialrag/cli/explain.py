"""``spatialrag explain``."""

import math
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from spatialrag.cli.arguments import Json, Overwrite
from spatialrag.cli.printing import console, print_frame
from spatialrag.escaping import terminal_text
from spatialrag.explanation.explanation import Explanation
from spatialrag.jobs.explanation import ExplainRequest, explain as run

Spot = Annotated[str, typer.Option("--spot", help="Name of the spot, alone or as slide:spot.")]
Gene = Annotated[str, typer.Option("--gene", help="Name of the gene, or an alias.")]
AliasTable = Annotated[
    Path | None,
    typer.Option(
        "--aliases",
        help="Table of other gene names (columns such as symbol, alias_symbol, ensembl_gene_id).",
    ),
]
Top = Annotated[
    int, typer.Option("--top", min=0, help="Also show this many of the strongest references.")
]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write every citation here.")]
Figure = Annotated[
    Path | None,
    typer.Option("--figure", help="Draw the query and what its value rests on (PNG)."),
]

Wide = Annotated[
    bool, typer.Option("--wide", help="Print every column, whatever the terminal's width.")
]


def explain(
    prediction: Annotated[Path, typer.Argument(help="A prediction by `spatialrag predict`.")],
    spot: Spot,
    gene: Gene,
    top: Top = 0,
    wide: Wide = False,
    csv: Csv = None,
    figure: Figure = None,
    json: Json = None,
    overwrite: Overwrite = False,
    aliases: AliasTable = None,
) -> None:
    """Tell what a predicted value rests on: groups of references that look alike, and each."""
    found, _ = run(
        ExplainRequest(
            prediction,
            spot,
            gene,
            csv=csv,
            figure=figure,
            json=json,
            overwrite=overwrite,
            top=top,
            aliases=aliases,
        )
    )
    print_explanation(found, top=top, wide=wide)
    if math.isnan(found.reliability):  # of other methods than GeneRAG's default nothing measures it
        console().print(
            "How well this gene is predicted is unknown: `spatialrag bank tune BANK` measures it "
            "on left-out slides, for predictions with the default settings."
        )


def print_explanation(found: Explanation, *, top: int, wide: bool) -> None:
    """Print a value, the groups it rests on, and its strongest references.

    Parameters
    ----------
    top
        References printed; ten where the prediction has no groups.
    wide
        Every column instead of those that fit 80 columns.
    """
    out = console()
    out.print(terminal_text(f"{found.headline} ({found.scale})"))
    stands = found.standing
    if stands.rank:
        predicted, measured = (
            f"{low:.3g} to {high:.3g}"
            for low, high in (stands.predicted_range, stands.measured_range)
        )
        out.print(
            f"rank {stands.rank} of {stands.n_spots} spots of this slide (predicted {predicted}); "
            f"the cited references measured {measured}"
        )
    out.print(
        terminal_text(
            f"{len(found.citations)} references contribute {found.cited_value:.4g}; "
            f"{found.coverage_words}"
        )
    )
    if not math.isnan(found.from_morphology):
        out.print(
            f"fit from morphology {found.from_morphology:.0%}, from anchors "
            f"{found.from_anchors:.0%}"
        )
    if found.uncited_share:
        out.print(f"share of the prediction without citations: {found.uncited_share:.0%}")
    if not math.isnan(found.reliability):
        out.print(f"on the bank's left-out slides this gene reached r = {found.reliability:.2f}")
    for doubt in found.doubts:
        out.print(terminal_text(f"beware, this slide is unlike the bank's: {doubt}"))
    if found.groups.empty:
        out.print(
            "no groups: the bank had no embeddings or no places, or this prediction is an old one"
        )
        top = top or 10
    else:
        groups = found.groups if wide else _narrow_groups(found.groups)
        print_frame(groups, title="references that look alike", index="group")
    if top:
        frame = found.citations.head(top).set_index("reference")
        title = f"strongest {len(frame)} of {len(found.citations)}"
        print_frame(frame if wide else _narrow(frame), title=title, index="reference")


def _narrow_groups(groups: pd.DataFrame) -> pd.DataFrame:
    measured = [
        "" if row["mean"] != row["mean"] else f"{row['mean']:.3g} ± {row['spread']:.2g}"
        for _, row in groups.iterrows()
    ]
    shown = groups[["references", "share"]].assign(adds=groups["contribution"], measured=measured)
    return shown.assign(slides=groups["slides"])


def _narrow(citations: pd.DataFrame) -> pd.DataFrame:
    shown = citations[["share", "measured"]].assign(adds=citations["contribution"])
    if citations["change"].notna().any():
        shown["change"] = citations["change"]
    return shown.assign(top_genes=citations["top_genes"])
