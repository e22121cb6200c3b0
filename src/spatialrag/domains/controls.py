"""The controls every domain method is shown beside: no graph network, no language model."""

from dataclasses import dataclass, field
from typing import Literal

import anndata as ad
import numpy as np
from sklearn.decomposition import PCA

from spatialrag.domains.clustering import Clustering
from spatialrag.domains.domains import Domains
from spatialrag.domains.tissue import Tissue, as_tissue
from spatialrag.errors import InputError
from spatialrag.graphs.graph import Graph
from spatialrag.graphs.ops import neighbor_mean
from spatialrag.graphs.spatial import spatial_graph
from spatialrag.provenance import origin


@dataclass(frozen=True)
class SmoothedPCA:
    """k-means on principal components, averaged over spatial neighbors.

    The average over neighbors alone is better than most published networks; without it (``k`` 0)
    this is clustering of expression.

    Parameters
    ----------
    k
        Nearest spots that each spot is averaged with; 0 for none.
    n_components
        Principal components of log expression, at most.
    clustering
        Clustering of the averaged components.
    seed
        Seed of the clustering.

    Examples
    --------
    >>> found = SmoothedPCA(k=6).fit_predict(adata, n_domains=3)
    >>> len(np.unique(found.labels))
    3
    """

    k: int = 15
    n_components: int = 20
    clustering: Clustering = field(default_factory=Clustering)
    seed: int = 0

    def fit_predict(self, data: Tissue | ad.AnnData, *, n_domains: int | None) -> Domains:
        """Return domains of all spots.

        Parameters
        ----------
        data
            Spots; an AnnData is read as `Tissue.from_anndata` does by default.
        n_domains
            K; none lets the clustering choose.

        Raises
        ------
        InputError
            As `Tissue`, `spatial_graph` and `Clustering` do.
        """
        tissue = as_tissue(data)
        tissue.require_domains(n_domains)
        n = max(min(self.n_components, *(size - 1 for size in tissue.expression.shape)), 1)
        pca = PCA(n, svd_solver="arpack", random_state=0)
        embedding = pca.fit_transform(tissue.logs.astype(np.float64))
        graphs: dict[str, Graph] = {}
        if self.k:
            graph = spatial_graph(
                tissue.xy, kind="knn", k=self.k, sections=tissue.sections, spots=tissue.spots
            )
            embedding = neighbor_mean(graph.connectivities, embedding)
            graphs["spatial"] = graph
        adjacency = graphs["spatial"].connectivities if graphs else None
        labels = self.clustering.labels(embedding, n_domains, adjacency=adjacency, rng=self.seed)
        return Domains(labels, embedding, origin(self), graphs)


@dataclass(frozen=True)
class NeighborhoodMeans:
    """Clustering of means over nearest spots, in one or several ranges.

    Parameters
    ----------
    ranges
        Nearest spots of each mean, the spot itself besides; several are joined side by side, each
        at unit variance.
    order
        ``components_first``: means of principal components. ``mean_first``: principal components of
        means of expression (NichePCA's order).
    n_components
        Principal components of log expression, at most.
    clustering
        Clustering of the means.
    seed
        Seed of the clustering.

    Examples
    --------
    >>> found = NeighborhoodMeans(ranges=(5, 10)).fit_predict(adata, n_domains=3)
    >>> len(np.unique(found.labels))
    3
    """

    ranges: tuple[int, ...] = (5, 15, 45)
    order: Literal["components_first", "mean_first"] = "components_first"
    n_components: int = 20
    clustering: Clustering = field(default_factory=Clustering)
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.ranges or min(self.ranges) < 1:
            raise InputError("ranges are numbers of neighbors, 1 or more", got=str(self.ranges))

    def fit_predict(self, data: Tissue | ad.AnnData, *, n_domains: int | None) -> Domains:
        """Return domains of all spots.

        Parameters
        ----------
        data
            Spots; an AnnData is read as `Tissue.from_anndata` does by default.
        n_domains
            K; none lets the clustering choose.

        Raises
        ------
        InputError
            As `Tissue`, `spatial_graph` and `Clustering` do.
        """
        tissue = as_tissue(data)
        tissue.require_domains(n_domains)
        n = max(min(self.n_components, *(size - 1 for size in tissue.expression.shape)), 1)
        pca = PCA(n, svd_solver="arpack", random_state=0)
        logs = tissue.logs.astype(np.float64)
        values = pca.fit_transform(logs) if self.order == "components_first" else logs
        parts = []
        for k in self.ranges:
            graph = spatial_graph(
                tissue.xy, kind="knn", k=k, sections=tissue.sections, spots=tissue.spots
            )
            mean = neighbor_mean(graph.connectivities, values)
            mean = mean if self.order == "components_first" else pca.fit_transform(mean)
            parts.append(mean / mean.std() if len(self.ranges) > 1 else mean)
        embedding = np.hstack(parts)
        labels = self.clustering.labels(embedding, n_domains, rng=self.seed)
        return Domains(labels, embedding, origin(self))
