"""Checkpoints of trainings: replaced whole, read as data alone, refused for another training."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spatialrag.errors import InputError
from spatialrag.provenance import fingerprint
from spatialrag.replace import replace_file

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

    Examples
    --------
    >>> from pathlib import Path
    >>> checkpoint = Checkpoint(Path("run.training"), key="settings and data", same="the same")
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
        """Write a state of tensors, numbers and lists: the file is replaced whole.

        Raises
        ------
        InputError
            It cannot be written; the previous checkpoint is kept.
        """
        facts = {"key": self.key, "layout": _LAYOUT, "seal": _seal(state)}
        with replace_file(self.path) as aside:
            try:
                torch.save({**state, **facts}, aside)
            except RuntimeError as error:  # as torch calls a full disk
                raise OSError(str(error).partition("\n")[0]) from error
        self.written = time.monotonic()

    def read(self) -> dict[str, Any] | None:
        """Return the state to go on from, or None where there is none yet.

        Raises
        ------
        InputError
            No checkpoint, an incomplete or edited one, one of another training or version.
        """
        if not self.path.exists():
            return None
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            key, layout, seal = (state.pop(name, None) for name in ("key", "layout", "seal"))
            if key is None:
                raise ValueError("it holds no training")
        except Exception as error:  # of foreign bytes torch's reader raises anything
            raise InputError(
                f"{self.path} is not a checkpoint, or an incomplete one",
                got=f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}",
                fix="delete it: the training begins anew",
            ) from error
        if key != self.key or layout != _LAYOUT:
            raise InputError(
                f"{self.path} is the checkpoint of another training",
                expected=f"the same {self.same}, and the same version",
                fix="delete it, or name another file",
            )
        if seal != _seal(state):
            raise InputError(
                f"{self.path} was edited after it was written",
                fix="delete it: the training begins anew",
            )
        return state

    def remove(self) -> None:
        """Delete the file: the training has ended."""
        self.path.unlink(missing_ok=True)


def _seal(state: object) -> str:
    return fingerprint(*_parts(state))


def _parts(value: object) -> Iterator[object]:
    """Yield what a state holds, in an order that does not depend on how it was read."""
    if isinstance(value, torch.Tensor):
        # As bytes: numpy does not know every type of torch.
        tensor = value.detach().cpu().contiguous()
        yield f"{tensor.dtype}{tuple(tensor.shape)}"
        yield np.asarray(tensor.flatten().view(torch.uint8)) if tensor.numel() else ""
    elif isinstance(value, dict):
        yield f"dict {len(value)}"
        for key in sorted(value, key=str):
            yield str(key)
            yield from _parts(value[key])
    elif isinstance(value, (list, tuple)):
        yield f"list {len(value)}"
        for item in value:
            yield from _parts(item)
    else:
        yield repr(value)
