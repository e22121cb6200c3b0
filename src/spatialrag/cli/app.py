"""The command ``spatialrag``: verbs are imported when they run."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

import spatialrag
from spatialrag.cli.failures import failures_told
from spatialrag.cli.panels import arrange
from spatialrag.cli.verbs import VERBS, Verb

if TYPE_CHECKING:  # typer has click within; the package of that name is not installed with it
    from typer._click import Command, Context


class VerbGroup(TyperGroup):
    """Verbs by name: listed from the table, imported when one of them is called."""

    def resolve_command(
        self, ctx: "Context", args: list[str]
    ) -> tuple[str | None, "Command | None", list[str]]:
        """Return the name of the verb that is called, the verb, and its arguments."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, None if name is None else load_verb(name), rest


app = typer.Typer(
    cls=VerbGroup,
    help="From an H&E slide to a cited transcriptome.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def load_verb(name: str) -> "Command":
    """Return a verb by its name, with its options; its module is imported."""
    verb = next(verb for verb in VERBS if verb.name == name)
    found = verb.load()
    if isinstance(found, typer.Typer):
        command: Command = get_group(found)
    else:
        single = typer.Typer(add_completion=False)
        single.command()(found)
        command = get_command(single)
    command.name = name
    arrange(command)
    return command


def _line_of(verb: Verb) -> Callable[[], None]:
    """Return what stands for a verb in the list of verbs."""

    def line() -> None:
        raise AssertionError(f"{verb.name} was called without being imported")

    return line


for _verb in VERBS:
    app.command(_verb.name, help=_verb.help)(_line_of(_verb))


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"spatialrag {spatialrag.__version__}")
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
