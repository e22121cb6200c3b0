"""HisToGene (Pang et al. 2021): a vision transformer whose tokens are the spots of a slide."""

from dataclasses import dataclass, field

import torch
from torch import nn

from spatialrag.errors import InputError
from spatialrag.prediction.backbones.fitting import Fitting
from spatialrag.prediction.backbones.network import SpotNetwork
from spatialrag.prediction.backbones.trained import train_on_bank
from spatialrag.prediction.backbones.views import View


class TransformerBlock(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int, heads: int, head_width: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * heads * head_width, bias=False)
        self.out = nn.Sequential(nn.Linear(heads * head_width, width), nn.Dropout(dropout))
        self.feed = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, inner),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(inner, width),
            nn.Dropout(dropout),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n, width) of the n spots of a slide."""
        q, k, v = (
            part.view(len(x), self.heads, -1).transpose(0, 1)
            for part in self.qkv(self.norm(x)).chunk(3, dim=-1)
        )
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + self.out(mixed.transpose(0, 1).reshape(len(x), -1))
        return x + self.feed(x)


class SlideTransformer(SpotNetwork):
    """Spots, with learned embeddings of x and y, through blocks to genes."""

    def __init__(self, n_inputs: int, n_genes: int, settings: "HisToGene") -> None:
        super().__init__()
        width = settings.width
        self.patch = nn.Linear(n_inputs, width)
        self.x = nn.Embedding(settings.n_positions, width)
        self.y = nn.Embedding(settings.n_positions, width)
        self.drop = nn.Dropout(settings.dropout)
        self.blocks = nn.Sequential(
            *(
                TransformerBlock(
                    width,
                    settings.heads,
                    settings.head_width,
                    settings.mlp_width,
                    settings.dropout,
                )
                for _ in range(settings.depth)
            )
        )
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, n_genes))

    def forward(self, view: View, rows: torch.Tensor) -> torch.Tensor:
        """Return (len(rows), n_genes); every spot of the slide is looked at."""
        place = view.places.round().long()
        if int(place.max()) >= self.x.num_embeddings:
            raise InputError(
                "the slide is larger than the network's positions",
                expected=f"at most {self.x.num_embeddings} spots across",
                got=f"{int(place.max()) + 1}",
                fix="raise n_positions and train again",
            )
        tokens = self.patch(view.vectors) + self.x(place[:, 0]) + self.y(place[:, 1])
        return self.head(self.blocks(self.drop(tokens))[rows])


@dataclass(frozen=True)
class HisToGene:
    """Settings of HisToGene.

    Parameters
    ----------
    width, depth, heads, head_width, mlp_width
        Sizes of the transformer.
    n_positions
        Spots across a slide at most.
    dropout
        Dropout of tokens, attention output and feed-forward.
    components, standardize, fitting
        As in `NetworkSettings`; a slide is one batch.

    Examples
    --------
    >>> HisToGene(depth=1).depth
    1
    """

    width: int = 128
    depth: int = 2
    heads: int = 4
    head_width: int = 32
    mlp_width: int = 256
    n_positions: int = 160
    dropout: float = 0.3
    components: int | None = 256
    standardize: bool = True
    fitting: Fitting = field(default_factory=lambda: Fitting(epochs=150, batch=None, patience=20))
    n_around: int = field(default=1, init=False)
    tiles: None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.fitting.batch is not None:
            raise InputError("HisToGene reads a slide as a whole", expected="fitting.batch of None")

    @classmethod
    def published(cls) -> "HisToGene":
        """Return the published sizes and training."""
        return cls(
            width=1024,
            depth=8,
            heads=16,
            head_width=64,
            mlp_width=2048,
            n_positions=64,
            dropout=0.1,
            components=None,
            standardize=False,
            fitting=Fitting(
                epochs=100,
                learning_rate=1e-5,
                weight_decay=0.0,
                batch=None,
                patience=None,
                clip=None,
            ),
        )

    def network(self, n_inputs: int, n_genes: int) -> SpotNetwork:
        """Return the network with random weights."""
        return SlideTransformer(n_inputs, n_genes, self)

    fit = train_on_bank
