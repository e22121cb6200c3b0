"""The denoiser of Stem: a diffusion transformer whose tokens are genes (Peebles & Xie 2023)."""

import math
from typing import cast

import torch
from torch import nn


class Modulated(nn.Module):
    """Layer norm without weights, shifted and scaled by the condition."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)

    def forward(self, x: torch.Tensor, shift: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """Return (n, g, width) from (n, g, width) and (n, width) twice."""
        return self.norm(x) * (1 + scale[:, None]) + shift[:, None]


class DiffusionBlock(nn.Module):
    """Attention over genes and a feed-forward layer, both gated by the condition (adaLN-Zero)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = Modulated(width), Modulated(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width)
        )
        self.condition = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """Return (n, g, width)."""
        shift, scale, gate, shift_feed, scale_feed, gate_feed = self.condition(condition).chunk(
            6, dim=1
        )
        x = x + gate[:, None] * self._attend(self.first(x, shift, scale))
        fed = self.feed(self.second(x, shift_feed, scale_feed))
        return x + gate_feed[:, None] * fed

    def _attend(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in self.qkv(x).chunk(3, dim=-1)
        )
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).flatten(2))


class GeneDenoiser(nn.Module):
    """From noisy expression, a step and a patch embedding to noise and variance per gene."""

    def __init__(self, n_inputs: int, n_genes: int, *, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.value = nn.Sequential(nn.Linear(1, width), nn.SiLU(), nn.Linear(width, width))
        self.gene = nn.Parameter(torch.empty(n_genes, width))
        self.time = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))
        self.patch = nn.Sequential(
            nn.Linear(n_inputs, n_inputs), nn.SiLU(), nn.Linear(n_inputs, width)
        )
        self.blocks = nn.ModuleList(DiffusionBlock(width, heads) for _ in range(depth))
        self.last = Modulated(width)
        self.last_condition = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))
        self.head = nn.Linear(width, 2)
        self._initialize()

    def _initialize(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        for module in (*self.time, *self.patch):
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02)
        nn.init.kaiming_uniform_(self.gene, a=math.sqrt(5))
        # Every block starts as the identity, and the output at zero.
        conditions = [cast(DiffusionBlock, block).condition for block in self.blocks]
        for condition in (*conditions, self.last_condition):
            nn.init.zeros_(cast(nn.Linear, condition[1]).weight)
        nn.init.zeros_(self.head.weight)

    def forward(
        self, noisy: torch.Tensor, step: torch.Tensor, vectors: torch.Tensor
    ) -> torch.Tensor:
        """Return (n, n_genes, 2) from (n, n_genes), (n,) and (n, n_inputs)."""
        x = self.value(noisy[..., None]) + self.gene
        condition = self.time(sinusoid(step)) + self.patch(vectors)
        for block in self.blocks:
            x = block(x, condition)
        shift, scale = self.last_condition(condition).chunk(2, dim=1)
        return self.head(self.last(x, shift, scale))


def sinusoid(step: torch.Tensor, size: int = 256, longest: float = 1e4) -> torch.Tensor:
    """Return cosines and sines of the step at geometric frequencies, (n, size)."""
    half = size // 2
    rate = torch.exp(-math.log(longest) * torch.arange(half, device=step.device) / half)
    angle = step[:, None].float() * rate
    return torch.cat([angle.cos(), angle.sin()], dim=1)
