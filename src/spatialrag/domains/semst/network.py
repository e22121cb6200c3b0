"""SemST's network: two graph branches, fusion, a count decoder (Eqs. 3-10)."""

import torch
from torch import nn

from spatialrag.domains.convolutions import Convolutions
from spatialrag.domains.fusion import make_fusion
from spatialrag.domains.semst.released import ReleasedFSM
from spatialrag.domains.semst.settings import Architecture

Parameters = dict[str, torch.Tensor]


class Network(nn.Module):
    """Two branches, fusion, projection W, and the decoder of expression.

    Parameters
    ----------
    n_inputs, n_genes
        Columns of what goes in, genes that come out.
    semantic_dim
        d'; 0 without semantics, where fusion is left out.
    architecture
        See `Architecture`.
    heads
        Names of what is decoded per gene.
    """

    start: torch.Tensor

    def __init__(
        self,
        n_inputs: int,
        n_genes: int,
        semantic_dim: int,
        architecture: Architecture,
        heads: tuple[str, ...] = ("mean", "dispersion", "dropout"),
    ) -> None:
        """Make all parts."""
        super().__init__()
        hidden, width = architecture.hidden, architecture.width
        self.exponential = architecture.decoder == "exponential"
        linear_path = architecture.linear_path
        self.spatial = Convolutions(n_inputs, hidden, width, linear_path=linear_path)
        self.feature = Convolutions(n_inputs, hidden, width, linear_path=linear_path)
        self.fusion = _fusion(architecture, semantic_dim) if semantic_dim else None
        self.projection = _projection(architecture)
        final = width if architecture.projection == "mlp" else 2 * width
        # Layer normalization means the same for any chunk of spots, batch normalization does not.
        norm = nn.BatchNorm1d(hidden) if self.exponential else nn.LayerNorm(hidden)
        self.decoder = nn.Sequential(nn.Linear(final, hidden), norm, nn.ReLU())
        self.heads = nn.ModuleDict({name: nn.Linear(hidden, n_genes) for name in heads})
        # Reconstruction at the start of training, 0 until it is known; kept in checkpoints.
        self.register_buffer("start", torch.zeros(()))

    def branches(
        self, values: torch.Tensor, space: torch.Tensor, features: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return H_spa and H_fea, (n, width) each."""
        return self.spatial(values, space), self.feature(values, features)

    def final(
        self, first: torch.Tensor, second: torch.Tensor, semantic: torch.Tensor | None
    ) -> torch.Tensor:
        """Return Z_final of both branches (Eqs. 6-9)."""
        latent = torch.cat([first, second], dim=1)
        if self.fusion is not None:
            latent = self.fusion(latent, semantic)
        return self.projection(latent)

    def decode(self, latent: torch.Tensor, totals: torch.Tensor) -> Parameters:
        """Return what each head says per gene, (n, n_genes); ``totals`` is (n, 1)."""
        hidden = self.decoder(latent)
        found = {name: head(hidden) for name, head in self.heads.items()}
        if "dispersion" not in found:
            return found
        if self.exponential:
            found["mean"] = torch.exp(found["mean"]).clamp(1e-5, 1e6)
        else:
            # Shares of a spot's counts, so that depth is not the latent's to explain.
            found["mean"] = totals * torch.softmax(found["mean"], dim=1) + 1e-6
        found["dispersion"] = nn.functional.softplus(found["dispersion"]).clamp(1e-4, 1e4)
        found["dropout"] = torch.sigmoid(found["dropout"]).clamp(1e-6, 1 - 1e-6)
        return found


def _fusion(architecture: Architecture, semantic_dim: int) -> nn.Module:
    width = 2 * architecture.width
    if architecture.fusion == "released":
        return ReleasedFSM(semantic_dim, width)
    return make_fusion(architecture.fusion, semantic_dim, width, identity=architecture.identity)


def _projection(architecture: Architecture) -> nn.Module:
    width, hidden = architecture.width, architecture.hidden
    if architecture.projection == "mlp":
        return nn.Sequential(nn.Linear(2 * width, hidden), nn.ReLU(), nn.Linear(hidden, width))
    linear = nn.Linear(2 * width, 2 * width, bias=False)
    if architecture.identity:
        start = torch.ones(2 * width)
        start[width:] = architecture.feature_start
        with torch.no_grad():
            linear.weight.copy_(torch.diag(start))
    return linear
