"""What an encoder is, and how a name becomes one."""

from typing import Protocol, runtime_checkable

import numpy as np

from spatialrag.errors import InputError
from spatialrag.registry import encoders
from spatialrag.slides.spots import Spots


@runtime_checkable
class PatchEncoder(Protocol):
    """Patches to vectors.

    Examples
    --------
    >>> from spatialrag.encoders import Color
    >>> isinstance(Color(), PatchEncoder)
    True
    """

    @property
    def name(self) -> str:
        """Short name; banks keep vectors under ``obsm['X_<name>']``."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes when the same patch would get another vector (weights, settings)."""
        ...

    @property
    def size_px(self) -> int:
        """Side of the patches it takes, pixels."""
        ...

    def encode(self, patches: np.ndarray) -> np.ndarray:
        """Return vectors (n, dim), float32, of uint8 RGB patches (n, size_px, size_px, 3)."""
        ...


@runtime_checkable
class ConcurrentEncoder(PatchEncoder, Protocol):
    """An encoder that may be called from several threads at once.

    Examples
    --------
    >>> from spatialrag.encoders import Color
    >>> isinstance(Color(), ConcurrentEncoder)
    True
    """

    @property
    def concurrent(self) -> bool:
        """Whether each call computes on one core, so that as many calls as cores run at once.

        False where a call uses all cores itself: batches are encoded one after the other then.
        """
        ...


@runtime_checkable
class MovableEncoder(PatchEncoder, Protocol):
    """An encoder of patches that runs on torch devices."""

    def to(self, device: str) -> PatchEncoder:
        """Return the encoder on a device, as torch names it."""
        ...


@runtime_checkable
class SpotEncoder(Protocol):
    """Vectors that exist already, keyed by spot name.

    Examples
    --------
    >>> from spatialrag.encoders import Precomputed
    >>> given = Precomputed({"toy4": (np.array(["a"]), np.ones((1, 4), np.float32))})
    >>> isinstance(given, SpotEncoder)
    True
    """

    @property
    def name(self) -> str:
        """Short name; banks keep vectors under ``obsm['X_<name>']``."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes when the same spot would get another vector."""
        ...

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

    Examples
    --------
    >>> make_encoder("color").name
    'color'
    """
    made = _make(encoder)
    if device == "cpu":
        return made
    if isinstance(made, MovableEncoder) and isinstance(_inner(made), MovableEncoder):
        return made.to(device)
    if required:
        raise InputError(
            f"the encoder {made.name!r} runs on the CPU alone", got=f"device {device!r}"
        )
    return made


def require_patch_encoder(
    encoder: str | Encoder, *, needed_for: str, device: str = "cpu"
) -> PatchEncoder:
    """Return an encoder of patches from a name or an encoder.

    Parameters
    ----------
    encoder, device
        As in `make_encoder`.
    needed_for
        What needs patches, for the message.

    Raises
    ------
    InputError
        As `make_encoder` raises it, and for vectors that exist already.
    """
    made = make_encoder(encoder, device=device)
    if not isinstance(made, PatchEncoder):
        raise InputError(
            f"{made.name} embeds no patches, which {needed_for} needs",
            fix="name an encoder of patches",
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
