"""Spatial-MGCN: multi-view graph convolutions with attention (Wang et al., Brief. Bioinf. 2023)."""

from dataclasses import dataclass, field

import anndata as ad
import torch
from torch import nn

from spatialrag.domains.baselines.baseline import Fused, TissueNetwork, run
from spatialrag.domains.clustering import Clustering
from spatialrag.domains.convolutions import Convolutions
from spatialrag.domains.domains import Domains
from spatialrag.domains.losses import spatial_regularization, zinb_loss
from spatialrag.domains.scaling import scale_genes
from spatialrag.domains.tensors import edge_index, sparse_tensor
from spatialrag.domains.tissue import Tissue
from spatialrag.graphs.feature import feature_graph
from spatialrag.graphs.graph import Graph
from spatialrag.graphs.ops import normalized
from spatialrag.graphs.spatial import spatial_graph
from spatialrag.semantics.spots import Semantics
from spatialrag.training.graph import Training


@dataclass(frozen=True)
class SpatialMGCN:
    """Spatial, feature and shared convolutions joined by attention; a zinb decoder.

    Parameters
    ----------
    k_space, k_features
        Neighbors in space and in expression.
    hidden, width
        128 and 64.
    alpha, beta, gamma
        Weights of zinb, consistency and spatial regularization.
    fusion
        Where semantics are given: on the 64-dimensional result of attention.
    training
        Adam 1e-3, weight decay 5e-4, 200 epochs.
    clustering
        k-means, as published.
    seed, device
        As in `SemST`.

    Examples
    --------
    >>> SpatialMGCN(k_space=10).width
    64
    """

    k_space: int = 15
    k_features: int = 15
    hidden: int = 128
    width: int = 64
    alpha: float = 1.0
    beta: float = 10.0
    gamma: float = 0.1
    fusion: str = "fsm"
    training: Training = field(default_factory=lambda: Training(epochs=200))
    clustering: Clustering = field(default_factory=Clustering)
    seed: int = 0
    device: str = "cpu"

    def fit_predict(
        self,
        data: Tissue | ad.AnnData,
        *,
        n_domains: int | None,
        semantics: Semantics | None = None,
    ) -> Domains:
        """Return domains of all spots; parameters as in `SemST.fit_predict`."""
        return run(self, data, self._build, n_domains=n_domains, semantics=semantics)

    def _build(self, tissue: Tissue, semantic: torch.Tensor | None) -> tuple["_Views", Graph]:
        values = scale_genes(tissue.shares)
        space = spatial_graph(
            tissue.xy, kind="knn", k=self.k_space, sections=tissue.sections, spots=tissue.spots
        )
        alike = feature_graph(values, k=self.k_features, sections=tissue.sections)
        adjacencies = [
            sparse_tensor(normalized(graph.connectivities, by="row")) for graph in (space, alike)
        ]
        fused = Fused(self.width, self.fusion, semantic)
        network = _Views(torch.from_numpy(values), adjacencies, fused, self)
        network.register_buffer("edges", edge_index(space.connectivities))
        return network, space


class _Views(TissueNetwork):
    values: torch.Tensor
    space: torch.Tensor
    alike: torch.Tensor
    edges: torch.Tensor

    def __init__(
        self,
        values: torch.Tensor,
        adjacencies: list[torch.Tensor],
        fused: Fused,
        settings: SpatialMGCN,
    ) -> None:
        super().__init__()
        n_genes, hidden, width = values.shape[1], settings.hidden, settings.width
        self.register_buffer("values", values)
        for name, adjacency in zip(("space", "alike"), adjacencies, strict=True):
            self.register_buffer(name, adjacency)
        self.own_space, self.own_alike, self.shared = (
            Convolutions(n_genes, hidden, width) for _ in range(3)
        )
        self.attention = nn.Sequential(
            nn.Linear(width, 16), nn.Tanh(), nn.Linear(16, 1, bias=False)
        )
        self.join, self.fused = nn.Linear(width, width), fused
        self.decoder = nn.Sequential(nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.ReLU())
        self.heads = nn.ModuleDict(
            {name: nn.Linear(hidden, n_genes) for name in ("mean", "dispersion", "dropout")}
        )
        self.weights = (settings.alpha, settings.beta, settings.gamma)

    def embedding(self) -> torch.Tensor:
        """Return the joined latent."""
        return self._encode()[0]

    def loss(self, generator: torch.Generator) -> torch.Tensor:  # noqa: ARG002
        """Return alpha zinb + beta consistency + gamma spatial regularization."""
        latent, first, second = self._encode()
        hidden = self.decoder(latent)
        mean = torch.exp(self.heads["mean"](hidden)).clamp(1e-5, 1e6)
        dispersion = nn.functional.softplus(self.heads["dispersion"](hidden)).clamp(1e-4, 1e4)
        dropout = torch.sigmoid(self.heads["dropout"](hidden)).clamp(1e-6, 1 - 1e-6)
        terms = (
            zinb_loss(self.values, mean, dispersion, dropout).mean(),
            consistency(first, second),
            # The published code halves the sum of both means over all pairs.
            0.5 * spatial_regularization(latent, self.edges, balanced=False),
        )
        weighted = [weight * term for weight, term in zip(self.weights, terms, strict=True)]
        return weighted[0] + weighted[1] + weighted[2]

    def _encode(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        first, second = self.shared(self.values, self.space), self.shared(self.values, self.alike)
        views = [
            self.own_space(self.values, self.space),
            self.own_alike(self.values, self.alike),
            (first + second) / 2,
        ]
        stacked = torch.stack(views, dim=1)
        weight = torch.softmax(self.attention(stacked), dim=1)
        return self.fused(self.join((weight * stacked).sum(dim=1))), first, second


def consistency(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the mean squared difference of both views' Gram matrices over all pairs of spots.

    Rows are centered over spots and scaled to norm 1. ‖UU' − VV'‖² = ‖U'U‖² + ‖V'V‖² − 2‖U'V‖²
    keeps it at n d memory.
    """
    u, v = (nn.functional.normalize(x - x.mean(dim=0), dim=1) for x in (first, second))
    squares = (u.T @ u).square().sum() + (v.T @ v).square().sum()
    return (squares - 2 * (u.T @ v).square().sum()) / len(u) ** 2
