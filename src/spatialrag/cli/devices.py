"""Where work is done: ``--device`` for all of it, and an option for each part.

Every verb that trains, embeds or solves has ``--device``. Where a verb has more than one such part,
``--encoder-device``, ``--backbone-device`` and ``--solver-device`` place one of them elsewhere.
"""

from typing import Annotated

import typer

Device = Annotated[
    str,
    typer.Option(
        "--device",
        help="Where networks are trained and run and Eq. 1 is solved: cpu, or a torch device such "
        "as cuda. Parts that only run on the CPU stay there, which is said.",
    ),
]
EncoderDevice = Annotated[
    str | None,
    typer.Option("--encoder-device", help="Of the encoder alone; --device when absent."),
]
BackboneDevice = Annotated[
    str | None,
    typer.Option("--backbone-device", help="Of the backbone alone; --device when absent."),
]
SolverDevice = Annotated[
    str | None,
    typer.Option("--solver-device", help="Of the solver alone; --device when absent."),
]
