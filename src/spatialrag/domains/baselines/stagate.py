"""STAGATE: a graph attention auto-encoder (Dong and Zhang, Nature Communications 2022)."""

from dataclasses import dataclass, field

import anndata as ad
import torch
from torch import nn

from spatialrag.domains.baselines.baseline import Fused, TissueNetwork, run
from spatialrag.domains.clustering import Clustering
from spatialrag.domains.domains import Domains
from spatialrag.domains.tensors import edge_index
from spatialrag.domains.tissue import Tissue
from spatialrag.graphs.graph import Graph
from spatialrag.graphs.spatial import Kind, spatial_graph
from spatialrag.semantics.spots import Semantics
from spatialrag.training.graph import Training


@dataclass(frozen=True)
class STAGATE:
    """One attention layer to 512, a linear one to 30, and back with tied weights.

    Parameters
    ----------
    space, k
        As in `spatial_graph`; the published one is a radius with about 6 neighbors.
    hidden, width
        512 and 30.
    fusion
        Where semantics are given: on the 30-dimensional latent, before the decoder.
    training
        Adam 1e-3, weight decay 1e-4, clipping at 5.
    clustering
        Published with mclust EEE, whose stand-in is ``gaussian_mixture``.
    seed, device
        As in `SemST`.

    Examples
    --------
    >>> STAGATE(k=6).width
    30
    """

    space: Kind = "knn"
    k: int = 6
    hidden: int = 512
    width: int = 30
    fusion: str = "fsm"
    training: Training = field(
        default_factory=lambda: Training(epochs=1000, weight_decay=1e-4, clip=5.0)
    )
    clustering: Clustering = field(default_factory=lambda: Clustering("gaussian_mixture"))
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

    def _build(self, tissue: Tissue, semantic: torch.Tensor | None) -> tuple["_AutoEncoder", Graph]:
        graph = spatial_graph(
            tissue.xy, kind=self.space, k=self.k, sections=tissue.sections, spots=tissue.spots
        )
        values = torch.from_numpy(tissue.logs.toarray())
        fused = Fused(self.width, self.fusion, semantic)
        edges = edge_index(graph.connectivities)
        loops = torch.arange(tissue.n_spots).repeat(2, 1)
        return _AutoEncoder(
            values, torch.cat([edges, loops], 1), self.hidden, fused, self.width
        ), graph


class _AutoEncoder(TissueNetwork):
    values: torch.Tensor
    edges: torch.Tensor

    def __init__(
        self, values: torch.Tensor, edges: torch.Tensor, hidden: int, fused: Fused, width: int
    ) -> None:
        super().__init__()
        self.register_buffer("values", values)
        self.register_buffer("edges", edges)
        self.first = nn.Parameter(_xavier(values.shape[1], hidden))
        self.second = nn.Parameter(_xavier(hidden, width))
        self.source = nn.Parameter(_xavier(hidden, 1))
        self.target = nn.Parameter(_xavier(hidden, 1))
        self.fused = fused

    def embedding(self) -> torch.Tensor:
        """Return the 30-dimensional latent."""
        return self._encode()[0]

    def loss(self, generator: torch.Generator) -> torch.Tensor:  # noqa: ARG002
        """Return the mean squared error of the reconstruction."""
        latent, attention = self._encode()
        hidden = nn.functional.elu(self._gather(latent @ self.second.T, attention))
        return nn.functional.mse_loss(hidden @ self.first.T, self.values)

    def _encode(self) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = self.values @ self.first
        attention = self._attention(hidden)
        hidden = nn.functional.elu(self._gather(hidden, attention))
        return self.fused(hidden @ self.second), attention

    def _attention(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return weights of edges, a softmax over those that arrive at a spot."""
        sender, receiver = self.edges.unbind()
        logits = torch.sigmoid((hidden @ self.source)[sender] + (hidden @ self.target)[receiver])
        weight = torch.exp(logits).squeeze(1)  # between 1 and e: no need to subtract the maximum
        total = torch.zeros(len(hidden), device=hidden.device).index_add(0, receiver, weight)
        return weight / total[receiver]

    def _gather(self, values: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
        sender, receiver = self.edges.unbind()
        shape = (len(values), len(values))
        matrix = torch.sparse_coo_tensor(
            torch.stack([receiver, sender]), attention, shape, check_invariants=False
        )
        return torch.sparse.mm(matrix, values)


def _xavier(rows: int, columns: int) -> torch.Tensor:
    return nn.init.xavier_normal_(torch.empty(rows, columns), gain=1.414)
