"""Parts of the published code that differ from the paper's equations, for comparison alone."""

import torch
from torch import nn


class ReleasedFSM(nn.Module):
    """FSM as the published code has it: four linear layers, default start.

    Parameters
    ----------
    semantic_dim, width
        As in `spatialrag.domains.fusion.FSM`.
    ratio
        Width of the last hidden layer over that of one branch.
    """

    def __init__(self, semantic_dim: int, width: int, *, ratio: float = 0.5) -> None:
        """Make the layers."""
        super().__init__()
        branch = width // 2
        inner, last = max(semantic_dim // 2, 1), max(int(branch * ratio), 1)
        self.read = nn.Sequential(
            nn.Linear(semantic_dim, inner), nn.ReLU(), nn.Linear(inner, branch)
        )
        self.mlp = nn.Sequential(nn.Linear(branch, last), nn.ReLU(), nn.Linear(last, 2 * width))

    def coefficients(self, semantic: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return alpha and beta, (n, width) each."""
        alpha, beta = self.mlp(self.read(semantic)).chunk(2, dim=1)
        return alpha, beta

    def forward(self, latent: torch.Tensor, semantic: torch.Tensor) -> torch.Tensor:
        """Return modulated latent vectors, (n, width)."""
        alpha, beta = self.coefficients(semantic)
        return (1 + alpha) * latent + beta
