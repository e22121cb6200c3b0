"""Feature-wise semantic modulation (SemST, Eqs. 7-9), for any latent space."""

import torch
from torch import nn

from spatialrag.errors import InputError


class FSM(nn.Module):
    """Scale and shift every latent dimension by what a spot's genes mean.

    (1 + alpha) * z + beta, with [alpha | beta] = MLP(h): one network for both, as the paper has it.
    The last layer starts at 0, so that modulation starts as the identity.

    Parameters
    ----------
    semantic_dim
        d', length of the semantic vectors h.
    width
        d, length of the latent vectors z.
    hidden
        Width of the MLP's hidden layer.
    """

    def __init__(self, semantic_dim: int, width: int, *, hidden: int = 64) -> None:
        """Make the MLP."""
        super().__init__()
        if min(semantic_dim, width, hidden) < 1:
            raise InputError(
                "the widths of a modulation must be at least 1",
                got=f"semantic_dim {semantic_dim}, width {width}, hidden {hidden}",
            )
        self.mlp = nn.Sequential(
            nn.Linear(semantic_dim, hidden), nn.ReLU(), nn.Linear(hidden, 2 * width)
        )
        nn.init.zeros_(self.mlp[-1].weight)
        nn.init.zeros_(self.mlp[-1].bias)

    def coefficients(self, semantic: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return alpha and beta, (n, width) each, of semantic vectors (n, semantic_dim)."""
        alpha, beta = self.mlp(semantic).chunk(2, dim=1)
        return alpha, beta

    def forward(self, latent: torch.Tensor, semantic: torch.Tensor) -> torch.Tensor:
        """Return modulated latent vectors, (n, width)."""
        alpha, beta = self.coefficients(semantic)
        return (1 + alpha) * latent + beta
