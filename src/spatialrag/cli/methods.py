"""``spatialrag methods``: list, show."""

from dataclasses import asdict
from typing import Annotated

import pandas as pd
import typer

from spatialrag.cli.arguments import Json
from spatialrag.cli.printing import print_facts, print_frame
from spatialrag.errors import InputError
from spatialrag.jobs.outputs import write_json
from spatialrag.methods import methods

app = typer.Typer(
    help="Methods, backbones, controls and solvers: what each is for.", no_args_is_help=True
)


@app.command(name="list")
def list_methods(json: Json = None) -> None:
    """List every method with its purpose and paper."""
    table = pd.DataFrame(
        {
            name: {
                "kind": each.kind,
                "what for": each.purpose,
                "paper": each.paper,
                "extra": each.extra,
            }
            for name, each in methods().items()
        }
    ).T
    write_json(json, [asdict(each) for each in methods().values()])
    print_frame(table, title=f"{len(table)} methods", index="name")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="As `methods list` names it.")], json: Json = None
) -> None:
    """Tell everything about one method."""
    if name not in methods():
        raise InputError(f"no method {name!r} is in the table", expected=", ".join(methods()))
    facts = asdict(methods()[name])
    write_json(json, facts)
    print_facts(facts)
