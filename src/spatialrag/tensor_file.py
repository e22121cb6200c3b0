"""Arrays that others saved with PyTorch or numpy, read as data alone."""

import pickle
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from spatialrag.errors import InputError, MissingDependencyError


def read_tensor(path: Path) -> np.ndarray:
    """Return the one tensor of a ``.pt`` file as float32.

    Raises
    ------
    InputError
        Loading it could execute code, it is incomplete, or it holds something else.
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
    except Exception as error:  # of foreign bytes torch's reader raises anything
        raise _unreadable(path, error, "a file of torch.save with a tensor alone") from error
    if not isinstance(loaded, torch.Tensor):
        raise InputError(f"{path.name} holds a {type(loaded).__name__}", expected="one tensor")
    if loaded.is_complex() or loaded.is_quantized or loaded.layout != torch.strided:
        raise InputError(f"{path.name} holds a tensor of the kind {loaded.dtype}, {loaded.layout}")
    return loaded.detach().float().numpy()


def read_array(path: Path) -> np.ndarray:
    """Return the one array of a ``.npy`` file.

    Raises
    ------
    InputError
        It holds objects, which are pickles, it is incomplete, or no such file.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError, BadZipFile, MemoryError) as error:
        raise _unreadable(path, error, "a file of numpy.save with an array of numbers") from error
    if not isinstance(loaded, np.ndarray):
        loaded.close()
        raise InputError(f"{path.name} holds several arrays", expected="one, as numpy.save writes")
    return loaded


def _unreadable(path: Path, error: Exception, expected: str) -> InputError:
    reason = str(error).partition("\n")[0][:200]
    return InputError(
        f"{path} cannot be read",
        expected=expected,
        got=f"{type(error).__name__}: {reason}" if path.is_file() else "no such file",
        fix="restore or write it again",
    )
