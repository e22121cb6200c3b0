"""DeepSpot (Nonchev et al. 2025): deep sets over a spot, its tiles and the spots around it."""

from dataclasses import dataclass, field, replace

import torch
from torch import nn

from spatialrag.encoders.tiles import Tiles
from spatialrag.prediction.backbones.fitting import Fitting
from spatialrag.prediction.backbones.network import SpotNetwork
from spatialrag.prediction.backbones.trained import train_on_bank
from spatialrag.prediction.backbones.views import ADJACENT, View


class Ensemble(nn.Module):
    """Several networks of one shape, their outputs combined."""

    def __init__(self, parts: list[nn.Module], *, median: bool) -> None:
        super().__init__()
        self.parts, self.median = nn.ModuleList(parts), median

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the elementwise median or the mean over the parts."""
        stacked = torch.stack([part(x) for part in self.parts])
        return stacked.median(dim=0).values if self.median else stacked.mean(dim=0)


class DeepSets(SpotNetwork):
    """rho([phi(spot), sum over tiles of phi, max over neighbors of phi])."""

    def __init__(self, n_inputs: int, n_genes: int, settings: "DeepSpot") -> None:
        super().__init__()
        width, sets = settings.width, 2 if settings.tiles is None else 3
        self.phi = Ensemble(
            [
                nn.Sequential(nn.Linear(n_inputs, width), nn.Dropout(settings.dropout), nn.ReLU())
                for _ in range(settings.ensemble)
            ],
            median=True,
        )
        self.rho = Ensemble(
            [
                nn.Sequential(
                    nn.Dropout(settings.dropout),
                    nn.ReLU(),
                    nn.Linear(sets * width, n_genes),
                    nn.Dropout(settings.output_dropout),
                )
                for _ in range(settings.ensemble)
            ],
            median=False,
        )

    def forward(self, view: View, rows: torch.Tensor) -> torch.Tensor:
        """Return (len(rows), n_genes)."""
        needed, where = torch.unique(
            torch.cat([rows[:, None], view.around[rows]], dim=1), return_inverse=True
        )
        known = self.phi(view.vectors[needed])
        own, around = known[where[:, 0]], known[where[:, 1:]]
        # phi is never negative, so a neighbor that is not there is a row of zeros, as published.
        near = (view.distance[rows] <= ADJACENT).unsqueeze(-1)
        sets = [own, (around * near).amax(dim=1)]
        if view.tiles is not None:
            sets.insert(1, self.phi(view.tiles[rows]).sum(dim=1))
        return self.rho(torch.cat(sets, dim=1))


@dataclass(frozen=True)
class DeepSpot:
    """Settings of DeepSpot.

    Parameters
    ----------
    width
        Width of phi.
    ensemble
        Networks phi and rho each.
    dropout, output_dropout
        Dropout of phi and of rho's input, and of rho's output.
    tiles
        Tiles of the patches (sub-spots), from `embed_tiles`, for references and queries; without
        them a spot is one vector and its neighbors.
    components, standardize, fitting
        As in `NetworkSettings`.

    Examples
    --------
    >>> DeepSpot(ensemble=2).ensemble
    2
    """

    width: int = 256
    ensemble: int = 4
    dropout: float = 0.3
    output_dropout: float = 0.1
    tiles: Tiles | None = None
    components: int | None = 256
    standardize: bool = True
    fitting: Fitting = field(default_factory=lambda: Fitting(epochs=60, learning_rate=5e-4))
    n_around: int = field(default=8, init=False)

    @classmethod
    def published(cls, tiles: Tiles | None = None) -> "DeepSpot":
        """Return the published sizes and training."""
        return cls(
            tiles=tiles,
            width=512,
            ensemble=10,
            components=None,
            fitting=Fitting(
                epochs=10, learning_rate=1e-4, weight_decay=1e-6, batch=1024, patience=3, clip=None
            ),
        )

    def with_tiles(self, tiles: Tiles | None) -> "DeepSpot":
        """Return the same backbone over the tiles of these slides, or over none."""
        return replace(self, tiles=tiles)

    def network(self, n_inputs: int, n_genes: int) -> SpotNetwork:
        """Return the network with random weights."""
        return DeepSets(n_inputs, n_genes, self)

    fit = train_on_bank
