"""What the baselines share: the door, training, fusion of semantics, clustering."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

import anndata as ad
import numpy as np
import torch
from torch import nn

from spatialrag.domains.clustering import Clustering
from spatialrag.domains.domains import Domains
from spatialrag.domains.fusion import make_fusion
from spatialrag.domains.tissue import Tissue, as_tissue
from spatialrag.graphs.graph import Graph
from spatialrag.provenance import origin
from spatialrag.semantics.spots import Semantics
from spatialrag.training.graph import Training, train


class Fused(nn.Module):
    """The place in a network where semantics may come in: the identity without them.

    Parameters
    ----------
    width
        Width of the latent.
    fusion
        A name of `spatialrag.domains.fusion.FUSIONS`.
    semantic : (n, d'), optional
        Semantic vectors of all spots.
    """

    def __init__(self, width: int, fusion: str, semantic: torch.Tensor | None) -> None:
        """Make the fusion, where there is something to fuse."""
        super().__init__()
        self.semantic: torch.Tensor | None
        self.register_buffer("semantic", semantic)
        dim = 0 if semantic is None else semantic.shape[1]
        self.fusion = make_fusion(fusion, dim, width) if dim else None

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Return the latent with semantics in it."""
        return latent if self.fusion is None else self.fusion(latent, self.semantic)


class TissueNetwork(nn.Module, ABC):
    """A network made for one tissue."""

    @abstractmethod
    def loss(self, generator: torch.Generator) -> torch.Tensor:
        """Return the loss of one epoch."""

    @abstractmethod
    def embedding(self) -> torch.Tensor:
        """Return what is clustered, (n, p)."""


class Baseline(Protocol):
    """Settings of a baseline."""

    @property
    def training(self) -> Training:
        """How its network is trained."""
        ...

    @property
    def clustering(self) -> Clustering:
        """How the embedding is clustered."""
        ...

    @property
    def seed(self) -> int:
        """Of the network, its training and the clustering."""
        ...

    @property
    def device(self) -> str:
        """Where it is trained."""
        ...


def run(
    settings: Baseline,
    data: Tissue | ad.AnnData,
    build: Callable[[Tissue, torch.Tensor | None], tuple[TissueNetwork, Graph]],
    *,
    n_domains: int | None,
    semantics: Semantics | None,
    reduce: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Domains:
    """Return the domains of a baseline.

    Parameters
    ----------
    settings
        Settings of the baseline.
    data
        Spots.
    build
        Makes the network and its spatial graph from a tissue and semantic vectors.
    n_domains, semantics
        As in `SemST.fit_predict`.
    reduce
        Applied to the embedding before it is clustered.
    """
    tissue = as_tissue(data)
    tissue.require_domains(n_domains)
    meaning = None if semantics is None else semantics.of(tissue.logs, tissue.genes)
    semantic = None if meaning is None else torch.from_numpy(meaning.vectors).to(settings.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network, graph = build(tissue, semantic)
    network = network.to(settings.device)
    generator = torch.Generator(settings.device).manual_seed(settings.seed)

    def backward() -> float:
        loss = network.loss(generator)
        loss.backward()
        return float(loss.detach())

    losses = train(
        network,
        backward,
        settings.training,
        label=type(settings).__name__,
        generator=generator,
    )
    with torch.no_grad():
        embedding = network.eval().embedding().cpu().numpy()
    if reduce is not None:
        embedding = reduce(embedding)
    labels = settings.clustering.labels(
        embedding, n_domains, adjacency=graph.connectivities, rng=settings.seed
    )
    record = origin(settings) | {"semantics": None if meaning is None else meaning.record}
    return Domains(labels, embedding, record, {"spatial": graph}, {"losses": losses})
