"""Any torch network as a patch encoder."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spatialrag.errors import InputError, MissingDependencyError

try:
    import torch
except ImportError as error:
    raise MissingDependencyError(
        "torch", extra="encoders", needed_for="encoders that are torch networks"
    ) from error

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True, eq=False)
class NetworkEncoder:
    """A network, how its patches are prepared, and how its vector is taken.

    Parameters
    ----------
    network
        An `nn.Module`, TorchScript, or any callable on (n, 3, size, size) float32 tensors.
    name
        Name of the encoder.
    fingerprint
        Changes when the same patch would get another vector: make it from the weights.
    size_px
        Side of the patches asked for, pixels.
    crop_px
        Centre of them that the network sees; 0 for all of it.
    patch_um
        Side of the patches it was trained on, µm; None where nothing is known.
    mean, std
        Per channel, of pixels in 0..1.
    take
        From the network and a batch to vectors (n, dim); None calls the network.
    source
        Where the weights come from, with the revision; banks keep it.
    device
        Where it runs.
    """

    network: Any
    name: str
    fingerprint: str
    size_px: int
    crop_px: int = 0
    patch_um: float | None = None
    mean: tuple[float, float, float] = IMAGENET[0]
    std: tuple[float, float, float] = IMAGENET[1]
    take: Callable[[Any, torch.Tensor], torch.Tensor] | None = None
    source: str = ""
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.crop_px > self.size_px:
            raise InputError(
                f"{self.name}: the centre is larger than the patch",
                expected=f"crop_px of at most {self.size_px}",
                got=str(self.crop_px),
            )

    def to(self, device: str) -> "NetworkEncoder":
        """Return the encoder on a device such as ``cuda``; a module is moved, not copied."""
        try:
            torch.empty(0, device=device)
            network = self.network.to(device)
        except (RuntimeError, AssertionError) as error:
            raise InputError(
                f"{self.name} cannot run on {device!r}",
                got=str(error).splitlines()[0],
                fix="pass a device of this machine: cpu, cuda, cuda:0",
            ) from error
        return replace(self, network=network, device=device)

    def encode(self, patches: np.ndarray) -> np.ndarray:
        """Return (n, dim) float32 vectors of uint8 RGB patches (n, size_px, size_px, 3).

        A batch that does not fit the memory of an accelerator is halved until it does.
        """
        try:
            return self._encode(patches)
        except torch.OutOfMemoryError:
            if len(patches) == 1:
                raise
        half = len(patches) // 2
        return np.concatenate([self.encode(patches[:half]), self.encode(patches[half:])])

    def _encode(self, patches: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            x = self._prepare(patches)
            vectors = self.network(x) if self.take is None else self.take(self.network, x)
        if not isinstance(vectors, torch.Tensor) or vectors.ndim != 2 or len(vectors) != len(x):
            raise InputError(
                f"the network of {self.name!r} returns no vectors",
                expected=f"a tensor ({len(x)}, dim)",
                got=str(tuple(getattr(vectors, "shape", ()))) or type(vectors).__name__,
                fix="pass take=…, which picks them from what the network returns",
            )
        return vectors.float().cpu().numpy()

    def _prepare(self, patches: np.ndarray) -> torch.Tensor:
        if self.crop_px:
            edge = (self.size_px - self.crop_px) // 2
            inside = slice(edge, edge + self.crop_px)
            patches = patches[:, inside, inside]
        x = torch.from_numpy(np.ascontiguousarray(patches)).to(self.device)
        x = x.permute(0, 3, 1, 2).float() / 255
        mean, std = (
            torch.tensor(values, device=self.device).view(3, 1, 1)
            for values in (self.mean, self.std)
        )
        return (x - mean) / std
