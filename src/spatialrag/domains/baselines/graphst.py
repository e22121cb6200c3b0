"""GraphST: graph self-supervised contrastive learning (Long et al., Nature Communications 2023)."""

from dataclasses import dataclass, field

import anndata as ad
import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import nn

from spatialrag.domains.baselines.baseline import Fused, TissueNetwork, run
from spatialrag.domains.clustering import Clustering
from spatialrag.domains.domains import Domains
from spatialrag.domains.scaling import scale_genes
from spatialrag.domains.tensors import sparse_tensor
from spatialrag.domains.tissue import Tissue
from spatialrag.graphs.graph import Graph
from spatialrag.graphs.ops import normalized
from spatialrag.graphs.spatial import spatial_graph
from spatialrag.semantics.spots import Semantics
from spatialrag.training.graph import Training

_COMPONENTS = 20


@dataclass(frozen=True)
class GraphST:
    """One graph convolution to 64 and back, contrasted with permuted spots.

    Parameters
    ----------
    k
        Nearest spatial neighbors; 3.
    width
        64.
    reconstruction
        Weight of the squared error; 10.
    fusion
        Where semantics are given: on the 64-dimensional latent, before the decoder.
    training
        Adam 1e-3, 600 epochs, no decay.
    clustering
        Clustering of 20 principal components of the reconstruction; published with mclust.
    seed, device
        As in `SemST`.

    Examples
    --------
    >>> GraphST(k=3).width
    64
    """

    k: int = 3
    width: int = 64
    reconstruction: float = 10.0
    fusion: str = "fsm"
    training: Training = field(default_factory=lambda: Training(epochs=600, weight_decay=0.0))
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
        return run(
            self,
            data,
            self._build,
            n_domains=n_domains,
            semantics=semantics,
            reduce=_components,
        )

    def _build(self, tissue: Tissue, semantic: torch.Tensor | None) -> tuple["_Contrast", Graph]:
        graph = spatial_graph(
            tissue.xy, kind="knn", k=self.k, sections=tissue.sections, spots=tissue.spots
        )
        mask = normalized(graph.connectivities, by="row")
        fused = Fused(self.width, self.fusion, semantic)
        network = _Contrast(
            torch.from_numpy(scale_genes(tissue.logs)),
            sparse_tensor(normalized(graph.connectivities)),
            sparse_tensor(mask),
            fused,
            self.width,
            self.reconstruction,
        )
        return network, graph


class _Contrast(TissueNetwork):
    values: torch.Tensor
    adjacency: torch.Tensor
    mask: torch.Tensor

    def __init__(
        self,
        values: torch.Tensor,
        adjacency: torch.Tensor,
        mask: torch.Tensor,
        fused: Fused,
        width: int,
        reconstruction: float,
    ) -> None:
        super().__init__()
        for name, value in (("values", values), ("adjacency", adjacency), ("mask", mask)):
            self.register_buffer(name, value)
        self.encode = nn.Linear(values.shape[1], width, bias=False)
        self.decode = nn.Linear(width, values.shape[1], bias=False)
        for layer in (self.encode, self.decode):
            nn.init.xavier_uniform_(layer.weight)
        self.judge = nn.Bilinear(width, width, 1)
        self.fused, self.reconstruction = fused, reconstruction

    def embedding(self) -> torch.Tensor:
        """Return the reconstruction."""
        return self._decoded(self._latent(self.values))

    def loss(self, generator: torch.Generator) -> torch.Tensor:
        """Return 10 MSE + both contrastive losses."""
        order = torch.randperm(len(self.values), generator=generator, device=self.values.device)
        real, corrupted = self._latent(self.values), self._latent(self.values[order])
        loss = nn.functional.mse_loss(self._decoded(real), self.values)
        return (
            self.reconstruction * loss
            + self._contrast(real, corrupted)
            + self._contrast(corrupted, real)
        )

    def _contrast(self, own: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Return how badly a neighborhood's summary tells its spots from permuted ones."""
        own, other = torch.relu(own), torch.relu(other)
        summary = torch.sigmoid(nn.functional.normalize(torch.sparse.mm(self.mask, own), dim=1))
        logits = torch.cat([self.judge(own, summary), self.judge(other, summary)], dim=1)
        truth = torch.zeros_like(logits)
        truth[:, 0] = 1
        return nn.functional.binary_cross_entropy_with_logits(logits, truth)

    def _latent(self, values: torch.Tensor) -> torch.Tensor:
        return self.fused(torch.sparse.mm(self.adjacency, self.encode(values)))

    def _decoded(self, latent: torch.Tensor) -> torch.Tensor:
        return torch.sparse.mm(self.adjacency, self.decode(latent))


def _components(values: np.ndarray) -> np.ndarray:
    n = min(_COMPONENTS, *values.shape)
    return PCA(n, random_state=0).fit_transform(values)
