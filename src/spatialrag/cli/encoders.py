"""``spatialrag encoders``: list, show."""

from dataclasses import asdict
from typing import Annotated

import pandas as pd
import typer

from spatialrag.cli.arguments import Json
from spatialrag.cli.printing import console, print_frame
from spatialrag.encoders.zoo import zoo
from spatialrag.errors import InputError
from spatialrag.jobs.outputs import write_json

app = typer.Typer(help="Published encoders, and how each is loaded.", no_args_is_help=True)


@app.command(name="list")
def list_encoders(json: Json = None) -> None:
    """List the published encoders; `color`, `onnx:PATH` and `precomputed:FOLDER` need none."""
    table = pd.DataFrame(
        {
            name: {
                "loader": entry.loader,
                "dim": entry.dim,
                "patch": f"{entry.patch_um:g} µm, {entry.size_px} px",
                "pretrained on": entry.pretrained_on,
                "licence": entry.licence + ", gated" * entry.gated,
                "verified": "yes" if entry.verified else "no",
            }
            for name, entry in zoo().items()
        }
    ).T
    print_frame(table, title=f"{len(table)} encoders", index="name")
    write_json(json, [asdict(entry) for entry in zoo().values()])


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="As `encoders list` names it.")], json: Json = None
) -> None:
    """Tell everything about one encoder."""
    if name not in zoo():
        raise InputError(f"no encoder {name!r} is in the table", expected=", ".join(zoo()))
    facts = asdict(zoo()[name])
    for key, value in facts.items():
        console().print(f"{key}: {value}", highlight=False)
    write_json(json, facts)
