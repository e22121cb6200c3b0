"""``spatialrag evaluate``."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from spatialrag.cli.arguments import (
    BankPath,
    GeneColumn,
    Gmt,
    Json,
    Layer,
    Library,
    NCore,
    NGlobal,
    Overwrite,
)
from spatialrag.cli.printing import print_frame, print_legend, print_notes, print_report
from spatialrag.expression.normalize import Scale
from spatialrag.jobs.evaluation import EvaluateRequest, evaluate as run


def evaluate(
    prediction: Annotated[Path, typer.Argument(help="A prediction by `spatialrag predict`.")],
    bank: BankPath,
    measured: Annotated[
        Path, typer.Option("--measured", help="Measured counts: h5ad, table, Space Ranger output.")
    ],
    n_core: NCore = 300,
    n_global: NGlobal = 5000,
    gmt: Gmt = None,
    regions: Annotated[
        Path | None,
        typer.Option("--regions", help="Table of spot name and region: markers are compared."),
    ] = None,
    layer: Layer = None,
    scale: Annotated[
        Scale | None,
        typer.Option(
            "--scale",
            help="Scale of the measured expression; what the file states when absent, else counts.",
        ),
    ] = None,
    library: Library = None,
    gene_column: GeneColumn = None,
    json: Json = None,
    overwrite: Overwrite = False,
) -> None:
    """Score a prediction against measured counts, beside measured depth and random smooth maps.

    The bank is the one that it was made from: it fixes the genes. Controls that need the images
    (ridge, neighbors, depth) are in the table of `spatialrag loso`.
    """
    result = run(
        EvaluateRequest(
            prediction,
            bank,
            measured,
            n_core=n_core,
            n_global=n_global,
            gmt=gmt,
            regions=regions,
            layer=layer,
            scale=scale,
            library=library,
            gene_column=gene_column,
            json=json,
            overwrite=overwrite,
        )
    )
    print_notes(result.notes)
    print_report(result.report)
    if result.markers:
        share = pd.DataFrame({"markers found": result.markers})
        print_frame(share, title="top 20 markers of each region", index="region")
        print_legend([share])
