"""``spatialrag evaluate``."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from spatialrag.bank.store import open_bank
from spatialrag.cli.arguments import Json, write_json
from spatialrag.cli.printing import print_frame
from spatialrag.evaluation.panel import fix_panel
from spatialrag.evaluation.report import CORE_COLUMNS, GLOBAL_COLUMNS
from spatialrag.evaluation.scores import evaluate as score, null_levels
from spatialrag.expression.read import read_section
from spatialrag.expression.table import read_frame
from spatialrag.metrics.biology import read_gmt
from spatialrag.prediction.controls import MeanProfile
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
    json: Json = None,
) -> None:
    """Score a prediction against measured counts, beside the mean profile and the null level.

    Controls that need the images (ridge, neighbors, depth) are in the table of `spatialrag loso`.
    """
    result = read_prediction(prediction)
    section = read_section(measured, slide=result.slide)
    references = open_bank(bank)
    if result.slide in references.slides.index:
        references = references.without(slides=[result.slide])
    panel = fix_panel(references, section.genes, n_core=n_core, n_global=n_global)
    sets = read_gmt(gmt) if gmt else None
    labels = None
    if regions is not None:
        frame = read_frame(regions)
        labels = frame[frame.columns[0]].reindex(section.spots).fillna("none").to_numpy(str)
    scores = score(result, section, panel=panel, gene_sets=sets, regions=labels)
    mean = MeanProfile(result.scale).fit(references).predict(result)
    entries = {
        str(result.record.get("method", "prediction")): scores.summary,
        "mean_profile": score(mean, section, panel=panel).summary,
        "null": null_levels(scores.n_spots, panel),
    }
    for group, columns in (("core", CORE_COLUMNS), ("global", GLOBAL_COLUMNS)):
        frame = pd.DataFrame({name: entry[group] for name, entry in entries.items()}).T
        shown = [column for column in columns if column in frame]
        title = f"{group}: {len(panel.groups[group])} genes, {scores.n_spots} spots"
        print_frame(frame[shown], title=title, index="method")
    if scores.markers:
        share = pd.DataFrame({"markers found": scores.markers})
        print_frame(share, title="top 20 markers of each region", index="region")
    write_json(
        json,
        {
            "scores": entries,
            "gene_sets": scores.gene_sets,
            "markers": scores.markers,
            "n_spots": scores.n_spots,
        },
    )
