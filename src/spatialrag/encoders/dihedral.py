"""Test-time augmentation: the mean vector over the eight views of a square."""

from dataclasses import dataclass

import numpy as np

from spatialrag.encoders.encoder import PatchEncoder, is_concurrent, require_patch_encoder
from spatialrag.errors import InputError
from spatialrag.provenance import fingerprint


@dataclass(frozen=True, eq=False)
class Dihedral:
    """An encoder whose vectors are averaged over quarter turns and their mirror images.

    Parameters
    ----------
    encoder
        Encoder of patches, at eight times its cost.

    Examples
    --------
    >>> from spatialrag.encoders import Color
    >>> Dihedral(Color()).name
    'color'
    """

    encoder: PatchEncoder

    def __post_init__(self) -> None:
        require_patch_encoder(self.encoder, needed_for="turning them")

    @property
    def name(self) -> str:
        """That of the encoder: the fingerprint tells them apart."""
        return self.encoder.name

    @property
    def fingerprint(self) -> str:
        """Of the encoder and the views."""
        return fingerprint("dihedral", self.encoder.fingerprint)

    @property
    def size_px(self) -> int:
        """Side of the patches, pixels."""
        return self.encoder.size_px

    @property
    def patch_um(self) -> float | None:
        """Side of the patches the encoder was trained on, µm, where known."""
        return getattr(self.encoder, "patch_um", None)

    @property
    def concurrent(self) -> bool:
        """Whether the encoder wants several batches at once."""
        return is_concurrent(self.encoder)

    @property
    def source(self) -> str:
        """Where the weights come from."""
        return getattr(self.encoder, "source", "")

    def to(self, device: str) -> "Dihedral":
        """Return the encoder on a device."""
        return Dihedral(
            require_patch_encoder(self.encoder, needed_for="turning them", device=device)
        )

    def encode(self, patches: np.ndarray) -> np.ndarray:
        """Return (n, dim) float32 vectors of uint8 RGB patches (n, size_px, size_px, 3)."""
        total = 0.0
        for turns in range(4):
            turned = np.rot90(patches, turns, axes=(1, 2))
            total = total + self.encoder.encode(turned) + self.encoder.encode(turned[:, :, ::-1])
        return np.asarray(total / 8, np.float32)


def from_spec(argument: str) -> Dihedral:
    """Return the encoder for ``dihedral:ENCODER``."""
    if not argument:
        raise InputError("dihedral averages an encoder", expected="e.g. dihedral:uni")
    return Dihedral(require_patch_encoder(argument, needed_for="turning them"))
