"""``spatialrag evaluate``."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from spatialrag.bank.bank import Bank
from spatialrag.bank.store import open_bank
from spatialrag.cli.arguments import (
    GeneColumn,
    Json,
    Layer,
    Library,
    check_outputs,
    print_notes,
    write_json,
)
from spatialrag.cli.printing import print_frame, print_legend, print_report
from spatialrag.evaluation.columns import ORACLE
from spatialrag.evaluation.oracle import depth_oracle
from spatialrag.evaluation.panel import Panel, fix_panel
from spatialrag.evaluation.report import Report, finite
from spatialrag.evaluation.scores import (
    evaluate as score,
    null_levels,
    smooth_levels,
    surrogates_for,
)
from spatialrag.expression.read import read_section
from spatialrag.expression.section import Section
from spatialrag.expression.table import read_frame
from spatialrag.metrics.biology import read_gmt
from spatialrag.metrics.surrogates import Surrogates
from spatialrag.prediction.controls import MeanProfile
from spatialrag.prediction.prediction import Prediction
from spatialrag.prediction.store import read_prediction


def evaluate(
    prediction: Annotated[Path, typer.Argument(help="A prediction by `spatialrag predict`.")],
    bank: Annotated[Path, typer.Argument(help="The bank it was made from: it fixes the genes.")],
    measured: Annotated[
        Path, typer.Option("--measured", help="Measured counts: h5ad, table, Space Ranger output.")
    ],
    n_core: Annotated[int, typer.Option("--core", help="Core genes.")] = 300,
    n_global: Annotated[int, typer.Option("--global", help="Global genes at most.")] = 5000,
    gmt: Annotated[Path | None, typer.Option("--gmt", help="Gene sets to score per spot.")] = None,
    regions: Annotated[
        Path | None,
        typer.Option("--regions", help="Table of spot name and region: markers are compared."),
    ] = None,
    layer: Layer = None,
    scale: Annotated[
        str | None,
        typer.Option(
            "--scale",
            help="Scale of the measured expression; what the file states when absent, else counts.",
        ),
    ] = None,
    library: Library = None,
    gene_column: GeneColumn = None,
    json: Json = None,
) -> None:
    """Score a prediction against measured counts, beside measured depth and random smooth maps.

    Controls that need the images (ridge, neighbors, depth) are in the table of `spatialrag loso`.
    """
    check_outputs(json, inputs=[prediction, bank, measured, regions])
    result = read_prediction(prediction)
    section = read_section(
        measured,
        slide=result.slide,
        layer=layer,
        scale=scale,
        library=library,
        gene_column=gene_column,
    )
    print_notes([section])
    references = open_bank(bank)
    if result.slide in references.slides.index:
        references = references.without(slides=[result.slide])
    panel = fix_panel(references, section.genes, n_core=n_core, n_global=n_global)
    sets = read_gmt(gmt) if gmt else None
    labels = None
    if regions is not None:
        frame = read_frame(regions)
        labels = frame[frame.columns[0]].reindex(section.spots).fillna("none").to_numpy(str)
    surrogates = surrogates_for(result, section)
    scores = score(
        result,
        section,
        panel=panel,
        gene_sets=sets,
        regions=labels,
        surrogates=surrogates,
    )
    entries = {str(result.record.get("method", "prediction")): scores.entry}
    entries |= _controls(result, section, references, panel, surrogates)
    if levels := smooth_levels(entries):
        entries["null_smooth"] = levels
    entries["null"] = null_levels(scores.n_spots, panel)
    found = {"scores": entries, "gene_sets": scores.gene_sets, "markers": scores.markers}
    write_json(json, finite(found | {"n_spots": scores.n_spots}))
    print_report(Report({result.slide: entries}))
    if scores.markers:
        share = pd.DataFrame({"markers found": scores.markers})
        print_frame(share, title="top 20 markers of each region", index="region")
        print_legend([share])


def _controls(
    prediction: Prediction,
    section: Section,
    references: Bank,
    panel: Panel,
    surrogates: Surrogates | None,
) -> dict[str, dict]:
    """Return the scores of measured depth (of sections with counts) and of the mean profile."""
    found = {}
    if section.scale == "counts":
        totals = pd.Series(section.totals, section.spots).reindex(prediction.spots).to_numpy()
        found[ORACLE] = depth_oracle(totals, references, like=prediction)
    found["mean_profile"] = MeanProfile(prediction.scale).fit(references).predict(prediction)
    return {
        name: score(each, section, panel=panel, surrogates=surrogates).entry
        for name, each in found.items()
    }
