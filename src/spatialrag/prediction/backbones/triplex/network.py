"""The network of TRIPLEX: three views of a spot and their fusion."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from spatialrag.prediction.backbones.network import SpotNetwork, TrainingSlide
from spatialrag.prediction.backbones.views import View

N_BUCKETS = 16  # distances in half pitches; farther ones share the last


@dataclass(frozen=True)
class Sizes:
    """Sizes of the network.

    Parameters
    ----------
    width
        Width of all tokens.
    fusion_depth, global_depth, neighbor_depth
        Layers of each transformer.
    fusion_heads, global_heads, neighbor_heads
        Attention heads.
    mlp_ratios
        Widening of the feed-forward layers: fusion, global, neighbor.
    dropouts
        Fusion, global, neighbor.
    """

    width: int = 96
    fusion_depth: int = 1
    global_depth: int = 2
    neighbor_depth: int = 1
    fusion_heads: int = 4
    global_heads: int = 4
    neighbor_heads: int = 4
    mlp_ratios: tuple[float, float, float] = (2.0, 2.0, 1.0)
    dropouts: tuple[float, float, float] = (0.3, 0.2, 0.3)


class Attention(nn.Module):
    """Pre-norm attention of queries over keys, and a feed-forward layer; batched."""

    def __init__(
        self, width: int, heads: int, ratio: float, dropout: float, *, cross: bool = False
    ) -> None:
        super().__init__()
        self.heads = heads
        self.norm_q = nn.LayerNorm(width)
        self.norm_k = nn.LayerNorm(width) if cross else None
        self.q, self.kv = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.drop = nn.Dropout(dropout)
        inner = round(width * ratio)
        self.feed = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, inner),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(inner, width),
            nn.Dropout(dropout),
        )

    def forward(
        self, x: torch.Tensor, keys: torch.Tensor | None = None, bias: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return (b, n, width); ``keys`` (b, m, width) are given to cross attention alone."""
        query = self.norm_q(x)
        source = query if self.norm_k is None else self.norm_k(keys)
        q = self._split(self.q(query))
        k, v = (self._split(part) for part in self.kv(source).chunk(2, dim=-1))
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        x = x + self.drop(self.out(mixed.transpose(1, 2).flatten(2)))
        return x + self.feed(x)

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class NeighborView(nn.Module):
    """A spot and those around it; attention knows how far they are."""

    def __init__(self, n_inputs: int, sizes: Sizes) -> None:
        super().__init__()
        self.embed = nn.Linear(n_inputs, sizes.width)
        self.near = nn.Embedding(N_BUCKETS, sizes.neighbor_heads)
        self.layers = nn.ModuleList(
            Attention(sizes.width, sizes.neighbor_heads, sizes.mlp_ratios[2], sizes.dropouts[2])
            for _ in range(sizes.neighbor_depth)
        )

    def forward(self, view: View, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return tokens (b, 1 + k, width) and which of them are there (b, 1 + k)."""
        own = torch.zeros(len(rows), 1, device=rows.device)
        there = torch.cat([own, view.distance[rows]], dim=1).isfinite()
        index = torch.cat([rows[:, None], view.around[rows]], dim=1)
        places = view.places[index]
        apart = torch.cdist(places, places)
        bucket = (2 * apart).round().long().clamp(max=N_BUCKETS - 1)
        bias = self.near(bucket).permute(0, 3, 1, 2)
        bias = bias.masked_fill(~there[:, None, None, :], float("-inf"))
        x = self.embed(view.vectors[index])
        for layer in self.layers:
            x = layer(x, bias=bias)
        return x, there


class GlobalView(nn.Module):
    """Every spot of the slide; places enter by a convolution over the grid of spots (APEG)."""

    def __init__(self, n_inputs: int, sizes: Sizes) -> None:
        super().__init__()
        self.embed = nn.Linear(n_inputs, sizes.width)
        self.layers = nn.ModuleList(
            Attention(sizes.width, sizes.global_heads, sizes.mlp_ratios[1], sizes.dropouts[1])
            for _ in range(sizes.global_depth)
        )
        self.places = nn.Conv2d(sizes.width, sizes.width, 3, padding=1, groups=sizes.width)

    def forward(self, view: View) -> torch.Tensor:
        """Return tokens (n_spots, width)."""
        x = self.embed(view.vectors)[None]
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i == 0:
                x = x + self._around(x[0], view.places)[None]
        return x[0]

    def _around(self, x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        column, row = places.round().long().T
        grid = x.new_zeros(x.shape[1], int(row.max()) + 1, int(column.max()) + 1)
        # Spots that share a cell (hexagonal grids, halves) add up: all of them are seen.
        grid = grid.index_put(
            (torch.arange(x.shape[1], device=x.device)[:, None], row, column), x.T, accumulate=True
        )
        return self.places(grid[None])[0][:, row, column].T


def triplex_loss(
    predicted: dict[str, torch.Tensor], truth: torch.Tensor, share: float
) -> torch.Tensor:
    """Return MSE(fused, y) + sum over views b of (1 - share) MSE(b, y) + share MSE(b, fused).

    Parameters
    ----------
    predicted
        By name, each (n, n_genes), one of them ``fused``.
    truth : (n, n_genes)
    share
        Share of what a view learns from the fused prediction.
    """
    mse = nn.functional.mse_loss
    fused = predicted["fused"]
    total = mse(fused, truth)
    for name, values in predicted.items():
        if name != "fused":
            total = total + (1 - share) * mse(values, truth) + share * mse(values, fused)
    return total


class Triplex(SpotNetwork):
    """Target, neighbor and global view; the global token asks the other two."""

    def __init__(self, n_inputs: int, n_genes: int, sizes: Sizes, distillation: float) -> None:
        super().__init__()
        self.distillation = distillation
        width = sizes.width
        self.target = nn.Linear(n_inputs, width)
        self.neighbor = NeighborView(n_inputs, sizes)
        self.everywhere = GlobalView(n_inputs, sizes)
        self.fusion = nn.ModuleList(
            Attention(width, sizes.fusion_heads, sizes.mlp_ratios[0], sizes.dropouts[0], cross=True)
            for _ in range(sizes.fusion_depth)
        )
        self.norm = nn.LayerNorm(width)
        self.heads = nn.ModuleDict(
            {
                name: nn.Linear(width, n_genes)
                for name in ("fused", "target", "neighbor", "everywhere")
            }
        )

    def forward(self, view: View, rows: torch.Tensor) -> torch.Tensor:
        """Return the fused predictions (len(rows), n_genes)."""
        return self.by_view(view, rows)["fused"]

    def loss(
        self,
        slide: TrainingSlide,
        rows: torch.Tensor,
        generator: torch.Generator,  # noqa: ARG002  (nothing is drawn)
    ) -> torch.Tensor:
        """Return the loss of all heads."""
        return triplex_loss(self.by_view(slide.view, rows), slide.targets[rows], self.distillation)

    def by_view(self, view: View, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return predictions (len(rows), n_genes) of the fused token and of each view."""
        seen = view.vectors[:, None] if view.tiles is None else view.tiles
        target = self.target(seen[rows])
        neighbor, there = self.neighbor(view, rows)
        everywhere = self.everywhere(view)[rows]
        tokens = dict(self._tokens(target, neighbor, there, everywhere))
        return {name: self.heads[name](token) for name, token in tokens.items()}

    def _tokens(
        self,
        target: torch.Tensor,
        neighbor: torch.Tensor,
        there: torch.Tensor,
        everywhere: torch.Tensor,
    ) -> Iterator[tuple[str, torch.Tensor]]:
        mask = torch.zeros_like(there, dtype=neighbor.dtype).masked_fill(~there, float("-inf"))
        by_target = by_neighbor = everywhere[:, None]
        for layer in self.fusion:
            by_target = layer(by_target, target)
            by_neighbor = layer(by_neighbor, neighbor, mask[:, None, None, :])
        yield "fused", self.norm((by_target + by_neighbor)[:, 0])
        yield "target", target.mean(dim=1)
        weight = there / there.sum(dim=1, keepdim=True)
        yield "neighbor", (neighbor * weight[..., None]).sum(dim=1)
        yield "everywhere", everywhere
