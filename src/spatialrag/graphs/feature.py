"""Neighbors in expression: the k most similar spots by cosine."""

from typing import TypeAlias

import numpy as np
from scipy import sparse

from spatialrag.errors import InputError, MissingDependencyError, listing
from spatialrag.graphs.graph import Graph, join, without_self

_ELEMENTS = 1 << 25  # similarities held at a time
_PROBED = 500  # spots whose exact neighbors tell the recall of an approximate search

Features: TypeAlias = np.ndarray | sparse.csr_matrix


def feature_graph(
    features: Features,
    *,
    k: int = 14,
    sections: np.ndarray | None = None,
    approximate: bool = False,
    rng: int = 0,
) -> Graph:
    """Return the graph that joins each spot with its ``k`` most similar (joined both ways).

    Exact, in blocks: n² products and n k memory. Distances are 1 − cosine.

    Parameters
    ----------
    features : (n_spots, p)
        Expression or components; dense or CSR.
    k
        Neighbors asked for, per spot.
    sections : (n_spots,), optional
        Section of each spot: no edges between sections.
    approximate
        Search by descent through a graph of neighbors (pynndescent) instead; dense features alone.
        ``settings["recall"]`` is then the share of exact neighbors found, over 500 spots.
    rng
        Seed of the approximate search.

    Raises
    ------
    InputError
        A spot without any value (no direction), NaN or inf, more neighbors than spots.

    Examples
    --------
    >>> graph = feature_graph(np.random.default_rng(0).normal(size=(30, 5)), k=4)
    >>> graph.connectivities.shape
    (30, 30)
    """
    unit = _directions(features)
    labels = np.zeros(unit.shape[0], int) if sections is None else np.asarray(sections)
    parts, positions = [], []
    for label in np.unique(labels):
        at = np.flatnonzero(labels == label)
        own = unit[at].astype(np.float32)
        _require_k(k, len(at))
        parts.append(_descended(own, k, rng) if approximate else _most_similar(own, k))
        positions.append(at)
    return join(parts, positions)


def _directions(features: Features) -> Features:
    """Return the features of each spot divided by their length."""
    if sparse.issparse(features):
        rows = sparse.csr_matrix(features)
        _require_finite(rows.data)
        norms = _norms(rows.multiply(rows).sum(axis=1))
        return sparse.diags(1 / norms) @ rows
    dense = np.asarray(features)
    _require_finite(dense)
    return dense / _norms((dense * dense).sum(1))[:, None]


def _require_finite(values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        raise InputError("the features contain NaN or inf")


def _norms(squares: np.ndarray) -> np.ndarray:
    """Return the length of each spot's features from its sum of squares; none may be 0."""
    norms = np.sqrt(np.asarray(squares, np.float64).ravel())
    if (norms == 0).any():
        raise InputError(
            f"spots without any value have no neighbors: {listing(np.flatnonzero(norms == 0))}",
            fix="drop spots without counts",
        )
    return norms


def _most_similar(unit: Features, k: int) -> Graph:
    n = unit.shape[0]
    found, similarity = np.empty((n, k), np.int64), np.empty((n, k), np.float32)
    size = max(_ELEMENTS // n, 1)
    for start in range(0, n, size):
        rows = np.arange(start, min(start + size, n))
        found[rows], similarity[rows] = _top(unit, rows, k)
    return _of_neighbors(found, similarity, {})


def _top(unit: Features, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k most similar of some rows, and their cosines, (rows, k) each."""
    block = unit[rows] @ unit.T
    block = block.toarray() if sparse.issparse(block) else block
    block[np.arange(len(rows)), rows] = -np.inf
    top = np.argpartition(-block, k - 1, axis=1)[:, :k]
    return top, np.take_along_axis(block, top, axis=1)


def _descended(unit: Features, k: int, rng: int) -> Graph:
    if sparse.issparse(unit):
        raise InputError(
            "approximate neighbors need dense features", fix="give components instead of genes"
        )
    try:
        from pynndescent import NNDescent
    except ImportError as error:
        raise MissingDependencyError(
            "pynndescent", extra="domains", needed_for="approximate neighbors"
        ) from error
    # The search counts the spot itself.
    index = NNDescent(unit, metric="cosine", n_neighbors=k + 1, random_state=rng)
    found = without_self(index.neighbor_graph[0].astype(np.int64))
    similarity = np.einsum("np,nkp->nk", unit, unit[found])
    probed = np.random.default_rng(rng).choice(len(unit), min(_PROBED, len(unit)), replace=False)
    exact = _top(unit, probed, k)[0]
    hits = sum(len(np.intersect1d(a, b)) for a, b in zip(exact, found[probed], strict=True))
    return _of_neighbors(found, similarity, {"approximate": True, "recall": hits / exact.size})


def _of_neighbors(found: np.ndarray, similarity: np.ndarray, more: dict[str, object]) -> Graph:
    n, k = found.shape
    distance = np.maximum(1 - similarity.ravel().astype(np.float64), 0)
    settings = {"kind": "feature_knn", "k": k, "metric": "cosine", **more}
    return Graph.from_edges(np.repeat(np.arange(n), k), found.ravel(), distance, n, settings)


def _require_k(k: int, n: int) -> None:
    if not 1 <= k < n:
        raise InputError(
            "k must be at least 1 and below the number of spots",
            expected=f"1 to {n - 1}",
            got=str(k),
        )
