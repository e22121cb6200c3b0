"""``spatialrag demo``."""

from pathlib import Path
from typing import Annotated

import typer

from spatialrag.cli.printing import console, print_report
from spatialrag.demo import run_demo


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder to write into.")] = Path("demo"),
) -> None:
    """Run the main job end to end on a generated toy tissue."""
    result = run_demo(out)
    print_report(result.report)
    console().print(
        f"open {result.out / 'report.html'}; bank.zarr, prediction.h5ad and summary.json lie "
        "beside it. Explain any value:",
        highlight=False,
        soft_wrap=True,
    )
    console().print(
        f"spatialrag explain {result.out / 'prediction.h5ad'} --spot {result.explanation.spot} "
        f"--gene {result.explanation.gene}",
        highlight=False,
        soft_wrap=True,
    )
