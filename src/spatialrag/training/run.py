"""The training loop of every network: epochs, a number for each, the best weights, resuming."""

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from spatialrag.errors import InputError
from spatialrag.progress import track
from spatialrag.training.checkpoint import Checkpoint
from spatialrag.training.weight_mean import WeightMean


@dataclass(eq=False)
class Run:
    """A network while it is trained.

    Parameters
    ----------
    network
        Its parameters are trained in place.
    optimizer
        Over these parameters.
    generator
        Whatever an epoch draws comes from it; its state is part of the checkpoint.
    label
        Name of the training, for the progress bar and for errors.
    checkpoint
        File to go on from when it exists, and to write to; a resumed run ends where an
        uninterrupted one does. None for none.
    mean
        A running mean of the weights, which is scored and kept in their place; None for none.
    curve
        One number per epoch: the loss, or the score where epochs are scored.
    best
        Weights of the epoch with the highest score; empty where epochs are not scored.
    epochs
        Number of epochs done.

    Examples
    --------
    >>> network = torch.nn.Linear(1, 1)
    >>> optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    >>> Run(network, optimizer, torch.Generator(), "line").epochs
    0
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    label: str
    checkpoint: Checkpoint | None = None
    mean: WeightMean | None = None
    curve: list[float] = field(default_factory=list)
    best: dict[str, torch.Tensor] = field(default_factory=dict)
    epochs: int = 0

    def train(
        self,
        epoch: Callable[[int], float],
        epochs: int,
        *,
        score: Callable[[], float] | None = None,
        stops: Callable[[Sequence[float]], bool] = lambda _: False,
        after: Callable[[int], None] | None = None,
    ) -> np.ndarray:
        """Train, end with the best weights where epochs are scored, and return the curve.

        Parameters
        ----------
        epoch
            Trains one epoch, given its number from 0, and returns its loss.
        epochs
            How many there are at most.
        score
            How good the network is now, the higher the better, on what it is not trained on.
        stops
            Whether training ends, given the curve.
        after
            Called with the number of epochs done, after each.

        Raises
        ------
        InputError
            The loss is no longer finite, or the checkpoint is of another training.
        """
        self._resume()
        remaining = range(self.epochs, epochs)
        for number in track(remaining, label=self.label, total=len(remaining)):
            if stops(self.curve):
                break
            loss = epoch(number)
            if score is None:
                self.curve.append(loss)
            else:
                with nullcontext() if self.mean is None else self.mean.exchanged():
                    self._score(score)
            self.epochs = number + 1
            if after is not None:
                after(self.epochs)
            if self.checkpoint is not None and self.checkpoint.is_due(self.epochs):
                self.checkpoint.write(self._state())
        if self.best:
            self.network.load_state_dict(self.best)
        elif self.mean is not None:
            self.mean.exchange()
        return np.array(self.curve)

    def _score(self, score: Callable[[], float]) -> None:
        """Append the score, and keep the weights where it is the highest so far."""
        self.curve.append(score())
        if self.curve[-1] == max(self.curve):
            state = self.network.state_dict()
            self.best = {name: value.detach().clone() for name, value in state.items()}

    def step(self, backward: Callable[[], float], *, clip: float | None = None) -> float:
        """Take one step of the optimizer and return the loss.

        Parameters
        ----------
        backward
            Adds the gradients of a loss to the parameters and returns its value.
        clip
            Largest norm of the gradient; none when absent.
        """
        self.optimizer.zero_grad(set_to_none=True)
        loss = backward()
        if not math.isfinite(loss):
            raise InputError(
                f"the loss of {self.label} is no longer finite in epoch {self.epochs + 1}",
                got=str(loss),
                fix="lower the learning rate, and look for outliers in the data",
            )
        if clip is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), clip)
        self.optimizer.step()
        if self.mean is not None:
            self.mean.update()
        return loss

    def _state(self) -> dict[str, object]:
        return {
            "epochs": self.epochs,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "curve": self.curve,
            "best": self.best,
            "mean": {} if self.mean is None else self.mean.weights,
        }

    def _resume(self) -> None:
        state = None if self.checkpoint is None else self.checkpoint.read()
        if state is None:
            return
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.curve, self.best = list(state["curve"]), state["best"]
        self.epochs = int(state["epochs"])
        if self.mean is not None:
            self.mean.load(state["mean"])


def is_stalled(curve: Sequence[float], patience: int | None) -> bool:
    """Return whether the highest score lies ``patience`` epochs back; never when None."""
    if patience is None or not curve:
        return False
    return len(curve) - 1 - int(np.argmax(curve)) >= patience


def is_flat(losses: Sequence[float], patience: int | None) -> bool:
    """Return whether the mean of ``patience`` losses is not a thousandth below that before them."""
    if patience is None or len(losses) < 2 * patience:
        return False
    before, now = np.mean(losses[-2 * patience : -patience]), np.mean(losses[-patience:])
    return bool(now > before - 1e-3 * abs(before))
