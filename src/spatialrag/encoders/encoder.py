"""What an encoder is, and how a name becomes one."""

from typing import Protocol, runtime_checkable

import numpy as np

from spatialrag.errors import InputError
from spatialrag.registry import encoders
from spatialrag.slides.spots import Spots


@runtime_checkable
class PatchEncoder(Protocol):
    """Patches to vectors.

    Attributes
    ----------
    name
        Short name; banks keep vectors under ``obsm['X_<name>']``.
    fingerprint
        Changes when the same patch would get another vector (weights, settings).
    size_px
        Side of the patches it takes, pixels.
    """

    name: str
    fingerprint: str
    size_px: int

    def encode(self, patches: np.ndarray) -> np.ndarray:
        """Return vectors (n, dim), float32, of uint8 RGB patches (n, size_px, size_px, 3)."""
        ...


@runtime_checkable
class ConcurrentEncoder(PatchEncoder, Protocol):
    """An encoder that may be called from several threads at once.

    Attributes
    ----------
    concurrent
        Whether each call computes on one core, so that as many calls as cores run at once. False
        where a call uses all cores itself: batches are encoded one after the other then.
    """

    concurrent: bool


@runtime_checkable
class SpotEncoder(Protocol):
    """Vectors that exist already, keyed by spot name."""

    name: str
    fingerprint: str

    def lookup(self, spots: Spots) -> np.ndarray:
        """Return the vectors (n_spots, dim), float32, of these spots; NaN where there is none."""
        ...


Encoder = PatchEncoder | SpotEncoder


def make_encoder(encoder: str | Encoder, *, device: str = "cpu", required: bool = True) -> Encoder:
    """Return an encoder from a name such as ``color``, ``uni``, ``onnx:PATH``, ``dihedral:uni``.

    Objects that already are encoders pass through.

    Parameters
    ----------
    encoder
        A registered name, after a colon what it is made of; or an encoder.
    device
        Where it runs; only torch networks run elsewhere than on the CPU.
    required
        Whether an encoder that runs on the CPU alone is refused for another device; else it stays
        there, and `device_of` says so.

    Raises
    ------
    InputError
        Unknown names, objects that are no encoders, devices they cannot run on.
    """
    made = _make(encoder)
    if device == "cpu":
        return made
    if hasattr(_inner(made), "to"):
        return made.to(device)
    if required:
        raise InputError(
            f"the encoder {made.name!r} runs on the CPU alone", got=f"device {device!r}"
        )
    return made


def device_of(encoder: Encoder) -> str:
    """Return where an encoder runs: ``cpu``, or the torch device of its network."""
    return getattr(_inner(encoder), "device", "cpu")


def is_concurrent(encoder: Encoder) -> bool:
    """Return whether an encoder wants several batches at once; False where it does not say."""
    return isinstance(encoder, ConcurrentEncoder) and encoder.concurrent


def _inner(encoder: Encoder) -> Encoder:
    """Return what computes: the encoder within one that averages its views, or itself."""
    return getattr(encoder, "encoder", encoder)


def _make(encoder: str | Encoder) -> Encoder:
    if not isinstance(encoder, str):
        if isinstance(encoder, (PatchEncoder, SpotEncoder)):
            return encoder
        raise InputError(
            f"{type(encoder).__name__} is not an encoder",
            expected="name, fingerprint, size_px and encode(patches); or name, fingerprint "
            "and lookup(spots)",
        )
    name, _, argument = encoder.partition(":")
    return encoders.get(name)(argument)
