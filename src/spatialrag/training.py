"""The training loop of every network: fixed epochs or a plateau, never test labels."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from spatialrag.checkpoint import read_checkpoint, write_checkpoint
from spatialrag.errors import InputError
from spatialrag.progress import track


@dataclass(frozen=True)
class Training:
    """How long and how a network is trained.

    Parameters
    ----------
    epochs
        At most; each is one step on the whole graph. The last one is the result.
    learning_rate, weight_decay
        Of Adam.
    clip
        Largest norm of the gradient; none when absent.
    patience
        Stop when the mean loss of so many epochs is not below that of the epochs before them by a
        thousandth; never when absent.
    save_every
        Epochs between checkpoints, where one is asked for.
    trace_every
        Epochs between embeddings kept for looking back at a training; none when absent. Never used
        to choose an epoch.
    """

    epochs: int = 100
    learning_rate: float = 1e-3
    weight_decay: float = 5e-4
    clip: float | None = None
    patience: int | None = None
    save_every: int = 25
    trace_every: int | None = None

    def __post_init__(self) -> None:
        if min(self.epochs, self.save_every) < 1 or not self.learning_rate > 0:
            raise InputError(
                "a training needs at least one epoch and a positive learning rate",
                got=f"epochs {self.epochs}, learning_rate {self.learning_rate}",
            )
        for name in ("patience", "trace_every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} must be at least 1", got=str(value))


def train(
    network: nn.Module,
    backward: Callable[[], float],
    settings: Training,
    *,
    label: str,
    generator: torch.Generator,
    checkpoint: str | Path | None = None,
    key: str = "",
    look: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Train a network in place and return the loss of each epoch.

    Parameters
    ----------
    network
        Its parameters are trained.
    backward
        Computes the loss of an epoch, adds its gradients to the parameters, returns its value.
    settings
        See `Training`.
    label
        Of the progress bar.
    generator
        Whatever ``backward`` draws comes from it; its state is part of a checkpoint.
    checkpoint
        File to resume from when it exists, and to write to; a resumed run ends where an
        uninterrupted one does. Removed at the end.
    key
        Fingerprint of data and settings: a checkpoint of another one is refused.
    look
        Called with the number of epochs done, every ``trace_every``.

    Raises
    ------
    InputError
        The loss is no longer finite, or the checkpoint is not of this run.
    """
    optimizer = torch.optim.Adam(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    path = None if checkpoint is None else Path(checkpoint)
    losses: list[float] = []
    state = read_checkpoint(path, key, same="spots, expression, semantics and settings")
    if state:
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        generator.set_state(state["generator"])
        losses = list(state["losses"])
    remaining = range(len(losses), settings.epochs)
    for epoch in track(remaining, label=label, total=len(remaining)):
        if _flat(losses, settings.patience):
            break
        optimizer.zero_grad(set_to_none=True)
        losses.append(backward())
        if not np.isfinite(losses[-1]):
            raise InputError(
                f"the loss is no longer finite at epoch {epoch + 1}",
                got=str(losses[-1]),
                fix="lower the learning rate, and look for outliers in the expression",
            )
        if settings.clip is not None:
            nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
        optimizer.step()
        if look is not None and settings.trace_every and (epoch + 1) % settings.trace_every == 0:
            look(epoch + 1)
        if path is not None and (epoch + 1) % settings.save_every == 0:
            state = {
                "network": network.state_dict(),
                "optimizer": optimizer.state_dict(),
                "generator": generator.get_state(),
                "losses": losses,
            }
            write_checkpoint(path, key, state)
    if path is not None:
        path.unlink(missing_ok=True)
    return np.array(losses)


def _flat(losses: list[float], patience: int | None) -> bool:
    if patience is None or len(losses) < 2 * patience:
        return False
    before, now = np.mean(losses[-2 * patience : -patience]), np.mean(losses[-patience:])
    return bool(now > before - 1e-3 * abs(before))
