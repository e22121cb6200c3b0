"""Trainings on one whole graph: fixed epochs or a plateau, never test labels."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from spatialrag.errors import InputError
from spatialrag.training.checkpoint import Checkpoint
from spatialrag.training.run import Run, is_flat

_SAME = "spots, expression, semantics and settings"


@dataclass(frozen=True)
class Training:
    """How long and how a network is trained.

    Parameters
    ----------
    epochs
        At most; each is one step on the whole graph. The last one is the result.
    learning_rate, weight_decay
        Learning rate and weight decay of Adam.
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

    Examples
    --------
    >>> Training(epochs=5, learning_rate=1e-2).epochs
    5
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
        Label of the progress bar.
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

    Examples
    --------
    >>> import torch
    >>> network = torch.nn.Linear(1, 1)
    >>> def backward():
    ...     loss = network(torch.ones(1, 1)).square().sum()
    ...     loss.backward()
    ...     return float(loss.detach())
    >>> generator = torch.Generator().manual_seed(0)
    >>> train(network, backward, Training(epochs=3), label="line", generator=generator).shape
    (3,)
    """
    optimizer = torch.optim.Adam(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    saved = None
    if checkpoint is not None:
        saved = Checkpoint(Path(checkpoint), key, _SAME, every=settings.save_every)
    run = Run(network, optimizer, generator, label, saved)

    def after(epochs: int) -> None:
        if look is not None and settings.trace_every and epochs % settings.trace_every == 0:
            look(epochs)

    losses = run.train(
        lambda _: run.step(backward, clip=settings.clip),
        settings.epochs,
        stops=lambda curve: is_flat(curve, settings.patience),
        after=after,
    )
    if saved is not None:
        saved.remove()
    return losses
