"""The command ``spatialrag``."""

from importlib.metadata import version
from typing import Annotated

import typer

from spatialrag.cli.bank import app as bank_app
from spatialrag.cli.cells import app as cells_app
from spatialrag.cli.datasets import app as datasets_app
from spatialrag.cli.demo import demo
from spatialrag.cli.doctor import doctor
from spatialrag.cli.domains import domains
from spatialrag.cli.embed import embed
from spatialrag.cli.encoders import app as encoders_app
from spatialrag.cli.evaluate import evaluate
from spatialrag.cli.experiment import app as experiment_app
from spatialrag.cli.explain import explain
from spatialrag.cli.failures import failures_told
from spatialrag.cli.loso import loso
from spatialrag.cli.methods import app as methods_app
from spatialrag.cli.predict import predict
from spatialrag.cli.ragst import app as ragst_app

app = typer.Typer(
    help="From an H&E slide to a cited transcriptome.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(bank_app, name="bank")
app.add_typer(cells_app, name="cells")
app.add_typer(ragst_app, name="ragst")
app.add_typer(datasets_app, name="datasets")
app.add_typer(encoders_app, name="encoders")
app.add_typer(experiment_app, name="experiment")
app.add_typer(methods_app, name="methods")
for command in (demo, doctor, embed, predict, explain, evaluate, loso, domains):
    app.command()(command)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"spatialrag {version('spatialrag')}")
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Take the options that go before a verb."""


def main() -> None:
    """Run the command; what fails ends with its message and an exit code."""
    with failures_told():
        app()
