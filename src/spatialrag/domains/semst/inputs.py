"""What the network reads: values, graphs, counts and semantics, made from a tissue."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from sklearn.decomposition import PCA

from spatialrag.domains.scaling import scale_genes
from spatialrag.domains.semst.settings import Architecture, Graphs, Objective
from spatialrag.domains.tensors import edge_index, sparse_tensor
from spatialrag.domains.tissue import Tissue
from spatialrag.graphs.feature import feature_graph
from spatialrag.graphs.graph import Graph
from spatialrag.graphs.ops import neighbor_mean, normalized
from spatialrag.graphs.spatial import degree_graph, spatial_graph
from spatialrag.semantics.spots import standardize


@dataclass(frozen=True, eq=False)
class Inputs:
    """All that training reads.

    Parameters
    ----------
    values : (n, p)
        Input of both branches.
    target : CSR (n, n_genes)
        What is reconstructed.
    totals : (n, 1)
        Sum of each spot's target.
    center, spread : (1, n_genes)
        Mean and standard deviation of the target, for the gaussian likelihood.
    space, features
        Normalized adjacencies, sparse.
    edges : (2, n_edges)
        Spatial neighbors.
    semantic : (n, d'), optional
    graphs
        As they were made, for the result.
    """

    values: torch.Tensor
    target: sparse.csr_matrix
    totals: torch.Tensor
    center: torch.Tensor
    spread: torch.Tensor
    space: torch.Tensor
    features: torch.Tensor
    edges: torch.Tensor
    semantic: torch.Tensor | None
    graphs: dict[str, Graph]


def make_inputs(
    tissue: Tissue,
    semantic: np.ndarray | None,
    graphs: Graphs,
    architecture: Architecture,
    objective: Objective,
    *,
    device: str,
) -> Inputs:
    """Return what training reads.

    Raises
    ------
    InputError
        Expression on a scale the objective cannot use, or what the graphs refuse.
    """
    target = _target(tissue, objective)
    space = _space(tissue, graphs)
    n = min(architecture.n_components, *(size - 1 for size in tissue.expression.shape))
    parts = components(tissue.logs, max(n, 1))
    if architecture.inputs == "components":
        values = parts / parts.std()
    else:
        shares = architecture.inputs == "shares"
        values = tissue.shares.toarray() if shares else scale_genes(tissue.shares)
    if objective.target == "input":
        target = sparse.csr_matrix(values)
    compared = values
    if graphs.features == "neighborhood":
        compared = _around(space, parts)
    features = feature_graph(
        compared,
        k=graphs.k_features,
        sections=tissue.sections,
        approximate=graphs.approximate,
    )
    if semantic is not None:
        semantic = _semantic(semantic, space, graphs, architecture)
    mean, spread = _moments(target)

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(np.asarray(array), dtype=torch.float32, device=device)

    def adjacency(graph: Graph) -> torch.Tensor:
        return sparse_tensor(normalized(graph.connectivities, by=graphs.normalization), device)

    return Inputs(
        tensor(values),
        target,
        tensor(target.sum(axis=1)),
        tensor(mean),
        tensor(spread),
        adjacency(space),
        adjacency(features),
        edge_index(space.connectivities, device),
        None if semantic is None else tensor(semantic),
        {"spatial": space, "features": features},
    )


def components(logs: sparse.csr_matrix, n: int) -> np.ndarray:
    """Return the first n principal components, (n_spots, n), from a sparse matrix."""
    return PCA(n, svd_solver="arpack", random_state=0).fit_transform(logs.astype(np.float64))


def _semantic(
    vectors: np.ndarray, space: Graph, graphs: Graphs, architecture: Architecture
) -> np.ndarray:
    """Return what modulates: averaged over neighborhoods and reduced, where settings say so."""
    if graphs.semantics == "neighborhood":
        vectors = standardize(_around(space, vectors))
    if architecture.n_semantic is None:
        return vectors
    # Components keep their variances: dimensions that vary little stay small.
    n = min(architecture.n_semantic, *vectors.shape)
    parts = PCA(n, random_state=0).fit_transform(vectors.astype(np.float64))
    return parts / max(parts.std(), 1e-12)


def _around(space: Graph, values: np.ndarray) -> np.ndarray:
    """Return means over neighbors, twice: as far as two convolutions reach."""
    return neighbor_mean(space.connectivities, neighbor_mean(space.connectivities, values))


def _moments(target: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of genes, (1, n_genes); 1 where a gene does not vary."""
    mean = np.asarray(target.mean(axis=0, dtype=np.float64))
    square = np.asarray(target.multiply(target).mean(axis=0, dtype=np.float64))
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    return mean, np.where(spread > 1e-6, spread, 1)


def _target(tissue: Tissue, objective: Objective) -> sparse.csr_matrix:
    if objective.likelihood == "gaussian":
        return tissue.logs
    return tissue.require_counts()


def _space(tissue: Tissue, graphs: Graphs) -> Graph:
    if graphs.space == "degree":
        return degree_graph(
            tissue.xy, degree=graphs.k_space, sections=tissue.sections, spots=tissue.spots
        )
    return spatial_graph(
        tissue.xy,
        kind=graphs.space,
        radius=graphs.radius,
        k=graphs.k_space,
        rings=graphs.rings,
        sections=tissue.sections,
        spots=tissue.spots,
    )
