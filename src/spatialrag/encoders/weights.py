"""Weights files: found, read without running code, and loaded strictly."""

from pathlib import Path

import torch

from spatialrag.encoders.zoo import PublishedEncoder
from spatialrag.errors import InputError, listing

NAMES = ("model.safetensors", "pytorch_model.bin")


def find_weights(folder: Path) -> Path:
    """Return the weights file of a folder."""
    found = next((folder / name for name in NAMES if (folder / name).is_file()), None)
    if found is None:
        raise InputError(
            f"{folder} holds no weights",
            expected=" or ".join(NAMES),
            got=listing(sorted(p.name for p in folder.iterdir())) or "an empty folder",
        )
    return found


def fill(network: torch.nn.Module, weights: Path, entry: PublishedEncoder) -> None:
    """Load weights strictly: a weight too many or too few means another network."""
    state = read_state(weights)
    state = {k: v for k, v in state.items() if not k.startswith(entry.ignored or ("\0",))}
    wanted = network.state_dict()
    faults = {
        "missing": sorted(wanted.keys() - state.keys()),
        "unexpected": sorted(state.keys() - wanted.keys()),
        "of another shape": sorted(
            key for key in wanted.keys() & state.keys() if wanted[key].shape != state[key].shape
        ),
    }
    if any(faults.values()):
        told = "; ".join(f"{len(v)} {kind}: {listing(v, 3)}" for kind, v in faults.items() if v)
        raise InputError(
            f"{weights.name} does not fit {entry.name}",
            expected=f"the {len(wanted)} weights of {entry.architecture}",
            got=told,
            fix="check that the file is this model's, and not a training checkpoint of it",
        )
    network.load_state_dict(state)


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Read weights from safetensors, or from a PyTorch file that holds weights alone."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of foreign bytes torch's reader raises anything
        raise InputError(
            f"{path.name} is refused: it is not a file of weights alone",
            expected="safetensors, or a state dict saved by torch.save",
            got=f"{type(error).__name__}: {str(error).partition(chr(10))[0][:120]}",
        ) from error
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise InputError(
            f"{path.name} is not a state dict",
            expected="names to tensors",
            got=f"{type(state).__name__} with {listing(state, 3) if state else 'nothing'}",
            fix="save model.state_dict()",
        )
    return state
