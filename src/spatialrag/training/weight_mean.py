"""A running mean of a network's weights, to predict with in their place."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn


class WeightMean:
    """Exponential moving average of parameters: d times itself plus 1 - d times the weights.

    Parameters
    ----------
    network
        Whose parameters are averaged; the mean starts at the present ones.
    decay
        d, in [0, 1).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network, self.decay = network, decay
        self.weights = {name: p.detach().clone() for name, p in network.named_parameters()}

    @torch.no_grad()
    def update(self) -> None:
        """Take the present weights into the mean."""
        for name, parameter in self.network.named_parameters():
            self.weights[name].lerp_(parameter, 1 - self.decay)

    def exchange(self) -> None:
        """Let the network have the mean, and keep its weights here."""
        for name, parameter in self.network.named_parameters():
            parameter.data, self.weights[name] = self.weights[name], parameter.data

    @contextmanager
    def exchanged(self) -> Iterator[None]:
        """Let the network have the mean for a while."""
        self.exchange()
        try:
            yield
        finally:
            self.exchange()

    def load(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Go on from the mean of an interrupted training."""
        for name, tensor in self.weights.items():
            tensor.copy_(weights[name])
