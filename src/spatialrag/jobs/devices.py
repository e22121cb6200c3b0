"""Where the parts of a job run: one device for all of them, or one for each."""

from dataclasses import dataclass

from spatialrag.bank.bank import Bank
from spatialrag.encoders.embedding import check_encoder
from spatialrag.encoders.encoder import Encoder, device_of, make_encoder
from spatialrag.prediction.backbones.backbone import NetworkBackbone, OnDevice, make_backbone
from spatialrag.solvers.working_set.kernels import kernels_for
from spatialrag.solvers.working_set.working_set import WorkingSet


@dataclass(frozen=True)
class Devices:
    """The devices that a job was given, checked when this is made.

    Parameters
    ----------
    everywhere
        ``cpu``, or a torch device such as ``cuda``. Parts that only run on the CPU stay there,
        which `notes` says.
    encoder, backbone, solver
        Device of one part; a part that cannot run there is then an error.

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

    def make_encoder(self, encoder: str | Encoder) -> Encoder:
        """Return the encoder of a name, where it is to run."""
        return make_encoder(
            encoder, device=self.encoder or self.everywhere, required=self.encoder is not None
        )

    def check_encoder(self, encoder: str | Encoder | None, bank: Bank) -> Encoder:
        """Return the encoder that the bank was built with, where it is to run."""
        return check_encoder(
            encoder,
            bank.require_encoder(),
            device=self.encoder or self.everywhere,
            required=self.encoder is not None,
        )

    def make_backbone(self, name: str) -> str | OnDevice:
        """Return the backbone of a name, where it is to run; the name itself on the CPU."""
        device = self.backbone or self.everywhere
        if device == "cpu" or (
            self.backbone is None and not isinstance(make_backbone(name), NetworkBackbone)
        ):
            make_backbone(name)  # an unknown name is an error before any work
            return name
        return OnDevice(name, device)

    def make_solver(self) -> WorkingSet:
        """Return the solver of Eq. 1."""
        return WorkingSet(device=self.solver or self.everywhere)

    def notes(self, *, encoder: Encoder | None = None, backbone: str = "") -> tuple[str, ...]:
        """Return what is said of parts that stay on the CPU although another device was asked for.

        Parameters
        ----------
        encoder
            As it was made here.
        backbone
            Its registered name.
        """
        staying = []
        if encoder is not None and device_of(encoder) != (self.encoder or self.everywhere):
            staying.append(f"encoder {encoder.name}")
        if backbone and self.everywhere != "cpu" and self.make_backbone(backbone) == backbone:
            staying += [f"backbone {backbone}"] * (self.backbone is None)
        return tuple(f"{part}: on the CPU, where alone it runs" for part in staying)
