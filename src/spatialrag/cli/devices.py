"""Where work is done: ``--device`` for all of it, and an option for each part.

Every verb that trains, embeds or solves has ``--device``. Where a verb has more than one such part,
``--encoder-device``, ``--backbone-device`` and ``--solver-device`` place one of them elsewhere.
"""

from dataclasses import dataclass
from typing import Annotated

import typer

from spatialrag.bank.bank import Bank
from spatialrag.cli.printing import console
from spatialrag.encoders.embed import check_encoder
from spatialrag.encoders.encoder import Encoder, device_of, make_encoder
from spatialrag.prediction.backbones.backbone import OnDevice, has_network, make_backbone
from spatialrag.solvers.kernels import kernels_for
from spatialrag.solvers.working_set import WorkingSet

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


@dataclass(frozen=True)
class Devices:
    """The devices that a verb was given, checked when this is made.

    Parameters
    ----------
    everywhere
        ``--device``.
    encoder, backbone, solver
        Of one part; a part that cannot run there is then an error.

    Raises
    ------
    InputError
        A device that is not there: before any work.
    """

    everywhere: str = "cpu"
    encoder: str | None = None
    backbone: str | None = None
    solver: str | None = None

    def __post_init__(self) -> None:
        for device in (self.everywhere, self.encoder, self.backbone, self.solver):
            if device is not None:
                kernels_for(device)

    def make_encoder(self, encoder: str) -> Encoder:
        """Return the encoder of a name, where it is to run."""
        made = make_encoder(
            encoder, device=self.encoder or self.everywhere, required=self.encoder is not None
        )
        self._tell(f"encoder {made.name}", device_of(made), self.encoder)
        return made

    def check_encoder(self, encoder: str | None, bank: Bank) -> Encoder:
        """Return the encoder that the bank was built with, where it is to run."""
        made = check_encoder(
            encoder,
            bank.encoder,
            device=self.encoder or self.everywhere,
            required=self.encoder is not None,
        )
        self._tell(f"encoder {made.name}", device_of(made), self.encoder)
        return made

    def make_backbone(self, name: str) -> str | OnDevice:
        """Return the backbone of a name, where it is to run; the name itself on the CPU."""
        device = self.backbone or self.everywhere
        if device == "cpu" or (self.backbone is None and not has_network(make_backbone(name))):
            make_backbone(name)  # an unknown name is an error before any work
            self._tell(f"backbone {name}", "cpu", self.backbone)
            return name
        return OnDevice(name, device)

    def make_solver(self) -> WorkingSet:
        """Return the solver of Eq. 1."""
        return WorkingSet(device=self.solver or self.everywhere)

    def _tell(self, part: str, device: str, stated: str | None) -> None:
        if device != (stated or self.everywhere):
            console().print(f"{part}: on the CPU, where alone it runs", highlight=False)
