"""BLEEP (Xie et al. 2023): contrastive embeddings of image and expression, then retrieval."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from spatialrag.errors import InputError
from spatialrag.prediction.backbones.fitting import Fitting
from spatialrag.prediction.backbones.network import SpotNetwork, TrainingSlide
from spatialrag.prediction.backbones.trained import train_on_bank
from spatialrag.prediction.backbones.views import View


class Projection(nn.Module):
    """The projection head: linear, a residual layer, layer norm."""

    def __init__(self, n_inputs: int, width: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Linear(n_inputs, width)
        self.rest = nn.Sequential(nn.GELU(), nn.Linear(width, width), nn.Dropout(dropout))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n, width)."""
        x = self.first(x)
        return self.norm(x + self.rest(x))


class TwoTowers(SpotNetwork):
    """A head for images and one for expression."""

    def __init__(self, n_inputs: int, n_genes: int, settings: "BLEEP") -> None:
        super().__init__()
        self.image = Projection(n_inputs, settings.width, settings.dropout)
        self.expression = Projection(n_genes, settings.width, settings.dropout)
        self.temperature, self.n_retrieved = settings.temperature, settings.n_retrieved
        self.register_buffer("keys", torch.empty(0, settings.width))
        self.register_buffer("values", torch.empty(0, n_genes))

    def forward(self, view: View, rows: torch.Tensor) -> torch.Tensor:
        """Return the mean over the references nearest in the common space (cosine)."""
        query = nn.functional.normalize(self.image(view.vectors[rows]), dim=1)
        k = min(self.n_retrieved, len(self.keys))
        nearest = (query @ self.keys.T).topk(k, dim=1).indices
        return torch.stack([self.values[found].mean(dim=0) for found in nearest])

    def loss(
        self,
        slide: TrainingSlide,
        rows: torch.Tensor,
        generator: torch.Generator,  # noqa: ARG002  (nothing is drawn)
    ) -> torch.Tensor:
        """Return the contrastive loss over a batch of one slide."""
        image = self.image(slide.view.vectors[rows])
        return contrastive_loss(image, self.expression(slide.targets[rows]), self.temperature)

    def store_references(self, slides: Sequence[TrainingSlide]) -> None:
        """Keep the references' place in the common space and their expression."""
        self.values = torch.cat([slide.targets[slide.rows] for slide in slides])
        self.keys = nn.functional.normalize(self.expression(self.values), dim=1)


def contrastive_loss(
    image: torch.Tensor, expression: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Return the symmetric soft cross entropy of BLEEP.

    The targets are not the diagonal but how alike spots are in both spaces: spots of one tissue
    are not each other's negatives.

    Parameters
    ----------
    image, expression : (n, width)
        Image and expression of the same spots.
    temperature
        Divides similarities.
    """
    logits = expression @ image.T / temperature
    alike = (image @ image.T + expression @ expression.T) / 2
    targets = torch.softmax(alike / temperature, dim=-1)
    by_expression = nn.functional.cross_entropy(logits, targets)
    by_image = nn.functional.cross_entropy(logits.T, targets.T)
    return (by_expression + by_image) / 2


@dataclass(frozen=True)
class BLEEP:
    """Settings of BLEEP.

    Parameters
    ----------
    width
        Width of the common space.
    temperature
        Temperature of the loss.
    n_retrieved
        Reference spots averaged for a query.
    dropout
        Dropout of the projection heads.
    components, standardize, fitting
        As in `NetworkSettings`; the batch holds the contrasts.

    Examples
    --------
    >>> BLEEP(n_retrieved=20).n_retrieved
    20
    """

    width: int = 256
    temperature: float = 1.0
    n_retrieved: int = 50
    dropout: float = 0.1
    components: int | None = 256
    standardize: bool = True
    fitting: Fitting = field(
        default_factory=lambda: Fitting(epochs=60, learning_rate=1e-3, weight_decay=1e-3, batch=128)
    )
    n_around: int = field(default=1, init=False)
    tiles: None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.n_retrieved < 1 or not self.temperature > 0:
            raise InputError(
                "n_retrieved must be at least 1 and temperature positive",
                got=f"{self.n_retrieved}, {self.temperature}",
            )

    @classmethod
    def published(cls) -> "BLEEP":
        """Return the published sizes and training (its image network is frozen here)."""
        return cls(
            components=None,
            standardize=False,
            fitting=Fitting(
                epochs=4, learning_rate=1e-3, weight_decay=1e-3, batch=256, patience=4, clip=None
            ),
        )

    def network(self, n_inputs: int, n_genes: int) -> SpotNetwork:
        """Return the network with random weights."""
        return TwoTowers(n_inputs, n_genes, self)

    fit = train_on_bank
