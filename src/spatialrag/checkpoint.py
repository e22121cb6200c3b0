"""Checkpoints of trainings: written aside, read as data alone, refused for another training."""

from pathlib import Path
from typing import Any

import torch

from spatialrag.errors import InputError


def write_checkpoint(path: Path, key: str, state: dict[str, Any]) -> None:
    """Write a state of tensors, numbers and lists: aside first, then put in place.

    Parameters
    ----------
    path
        The file.
    key
        Fingerprint of the data and settings the training is of.
    state
        To go on from.
    """
    aside = path.with_name(f".{path.name}.partial")
    try:
        torch.save({**state, "key": key}, aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def read_checkpoint(
    path: Path | None, key: str, *, same: str, device: str = "cpu"
) -> dict[str, Any] | None:
    """Return the state to go on from, or None where there is none yet.

    Parameters
    ----------
    path
        The file; None where no checkpoint was asked for.
    key
        As it must be.
    same
        What has to be the same for it, for the error.
    device
        Where tensors are put.

    Raises
    ------
    InputError
        The checkpoint is of another training.
    """
    if path is None or not path.exists():
        return None
    state = torch.load(path, map_location=device, weights_only=True)
    if state["key"] != key:
        raise InputError(
            f"{path} is the checkpoint of another training",
            expected=f"the same {same}",
            fix="delete it, or name another file",
        )
    return state
