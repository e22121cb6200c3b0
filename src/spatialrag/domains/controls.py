"""The controls every domain method is shown beside: no graph network, no language model."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA

from spatialrag.domains.clustering import cluster
from spatialrag.domains.domains import Domains
from spatialrag.errors import InputError
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
        Principal components, at most.
    seed
        Of components and k-means.
    """

    k: int = 15
    n_components: int = 20
    seed: int = 0

    def fit_predict(
        self,
        expression: np.ndarray | sparse.csr_matrix,
        xy: np.ndarray,
        *,
        n_domains: int,
        sections: np.ndarray | None = None,
    ) -> Domains:
        """Return domains of all spots.

        Parameters
        ----------
        expression : (n_spots, n_genes)
            On a scale with comparable genes, log1p_cp10k say.
        xy : (n_spots, 2)
        n_domains
            K.
        sections : (n_spots,), optional
            No averages between sections.

        Raises
        ------
        InputError
            Spots do not match, or as `spatial_graph` and `cluster` do.
        """
        values = expression.toarray() if sparse.issparse(expression) else np.asarray(expression)
        if len(values) != len(xy):
            raise InputError(
                "expression and coordinates do not match",
                expected=f"{len(values)} coordinates",
                got=str(len(xy)),
            )
        n = min(self.n_components, *values.shape)
        embedding = PCA(n, random_state=self.seed).fit_transform(values)
        if self.k:
            graph = spatial_graph(xy, kind="knn", k=self.k, sections=sections)
            embedding = neighbor_mean(graph.connectivities, embedding)
        labels = cluster(embedding, n_domains, rng=self.seed)
        return Domains(labels, embedding, origin(self))
