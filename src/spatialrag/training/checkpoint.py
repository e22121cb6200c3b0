"""Checkpoints of trainings: written aside, read as data alone, refused for another training."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from spatialrag.errors import InputError

_LAYOUT = 2  # of the states that `Run` keeps


@dataclass(eq=False)
class Checkpoint:
    """A file from which a training goes on.

    Parameters
    ----------
    path
        The file.
    key
        Fingerprint of the data and settings the training is of.
    same
        What has to be the same to go on from it, for the error.
    every
        Epochs between writings.
    pause
        Seconds between writings: writing must not rule a short epoch.
    """

    path: Path
    key: str
    same: str
    every: int = 1
    pause: float = 0.0
    written: float = field(default_factory=time.monotonic, init=False)

    def is_due(self, epochs: int) -> bool:
        """Return whether the state after so many epochs is to be written."""
        return epochs % self.every == 0 and time.monotonic() - self.written >= self.pause

    def write(self, state: dict[str, Any]) -> None:
        """Write a state of tensors, numbers and lists: aside first, then put in place."""
        aside = self.path.with_name(f".{self.path.name}.partial")
        try:
            torch.save({**state, "key": self.key, "layout": _LAYOUT}, aside)
            aside.replace(self.path)
        finally:
            aside.unlink(missing_ok=True)
        self.written = time.monotonic()

    def read(self) -> dict[str, Any] | None:
        """Return the state to go on from, or None where there is none yet.

        Raises
        ------
        InputError
            The checkpoint is of another training, or of another version.
        """
        if not self.path.exists():
            return None
        state = torch.load(self.path, map_location="cpu", weights_only=True)
        if state["key"] != self.key or state.get("layout") != _LAYOUT:
            raise InputError(
                f"{self.path} is the checkpoint of another training",
                expected=f"the same {self.same}, and the same version",
                fix="delete it, or name another file",
            )
        return state

    def remove(self) -> None:
        """Delete the file: the training has ended."""
        self.path.unlink(missing_ok=True)
