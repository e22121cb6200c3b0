"""``spatialrag experiment``: run, check."""

from pathlib import Path
from typing import Annotated

import typer

from spatialrag.cli.devices import Device
from spatialrag.cli.printing import console, print_frame, print_legend
from spatialrag.workflow.recipe import read_recipe

app = typer.Typer(
    help="Compare encoders, backbones and GeneRAG as a recipe says.", no_args_is_help=True
)

RecipeFile = Annotated[Path, typer.Argument(help="The recipe (TOML).")]
Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder its paths are relative to; the recipe's by default."),
]


@app.command()
def run(
    recipe: RecipeFile,
    out: Annotated[Path, typer.Option("--out", help="Folder of results; a run resumes there.")],
    data: Data = None,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Folder of embeddings; out/cache by default.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", help="Units at a time, a core each.")] = 1,
    device: Device = "cpu",
) -> None:
    """Run what has no result yet; write scores (CSV, JSON, Markdown) and a report."""
    from spatialrag.workflow.run import run_experiment

    read = read_recipe(recipe)
    results = run_experiment(
        read, out, data=data or recipe.parent, cache_folder=cache, jobs=jobs, device=device
    )
    summaries = [results.summary(encoder, leave) for encoder, leave in results.folds]
    for (encoder, leave), summary in zip(results.folds, summaries, strict=True):
        print_frame(summary, title=f"{encoder}, {leave} left out", index="method")
    print_legend(summaries, note=results.surrogates_note)
    spent = results.seconds
    console().print(f"{len(results.scores)} rows, {spent / 60:.0f} minutes of one core in all")
    console().print(f"open {out / 'report.html'}; tables: {out / 'scores.md'}", highlight=False)


@app.command()
def check(recipe: RecipeFile, data: Data = None) -> None:
    """Read the recipe and its slides, check every fold, and tell what would run."""
    from spatialrag.workflow.run import check_folds, read_sections
    from spatialrag.workflow.units import plan

    read = read_recipe(recipe)
    sections = read_sections(read, data or recipe.parent)
    check_folds(read, sections)
    units = plan(read, [section.slide for section in sections])
    out = console()
    out.print(f"{read.title}: {len(sections)} slides, {len(units)} units", highlight=False)
    for group in dict.fromkeys(unit.group for unit in units):
        out.print(f"{group}: {sum(unit.group == group for unit in units)}", highlight=False)
