"""The linear probe trained by gradient, as published beside GeneRAG."""

from dataclasses import dataclass, field

import torch
from torch import nn

from spatialrag.prediction.backbones.fitting import Fitting
from spatialrag.prediction.backbones.network import SpotNetwork
from spatialrag.prediction.backbones.trained import train_on_bank
from spatialrag.prediction.backbones.views import View


class OneLayer(SpotNetwork):
    """A linear layer from a spot's embedding to genes."""

    def __init__(self, n_inputs: int, n_genes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(n_inputs, n_genes)

    def forward(self, view: View, rows: torch.Tensor) -> torch.Tensor:
        """Return (len(rows), n_genes)."""
        return self.layer(view.vectors[rows])


@dataclass(frozen=True)
class Probe:
    """Settings of the published probe: 100 epochs, whatever the held-out donors say.

    Parameters
    ----------
    components, standardize, fitting
        As in `NetworkSettings`. `Linear` solves the same model in closed form, with a penalty
        chosen on held-out slides.

    Examples
    --------
    >>> Probe(components=64).components
    64
    """

    components: int | None = None
    standardize: bool = False
    fitting: Fitting = field(
        default_factory=lambda: Fitting(
            epochs=100,
            learning_rate=1e-3,
            weight_decay=1e-5,
            batch=4096,
            patience=None,
            clip=None,
        )
    )
    n_around: int = field(default=1, init=False)
    tiles: None = field(default=None, init=False)

    def network(self, n_inputs: int, n_genes: int) -> SpotNetwork:
        """Return the network with random weights."""
        return OneLayer(n_inputs, n_genes)

    fit = train_on_bank
