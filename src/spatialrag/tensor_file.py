"""Tensors that others saved with PyTorch, read as data alone."""

import pickle
from pathlib import Path

import numpy as np

from spatialrag.errors import InputError, MissingDependencyError


def read_tensor(path: Path) -> np.ndarray:
    """Return the one tensor of a ``.pt`` file as float32.

    Raises
    ------
    InputError
        Loading it could execute code, or it holds something else.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingDependencyError(
            "torch", extra="torch", needed_for=f"reading {path.name}"
        ) from error
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path.name} is refused: loading it could execute code",
            expected="a file with a tensor alone",
            fix="save the tensor itself: torch.save(tensor, path)",
        ) from error
    if not isinstance(loaded, torch.Tensor):
        raise InputError(f"{path.name} holds a {type(loaded).__name__}", expected="one tensor")
    return loaded.detach().float().numpy()
