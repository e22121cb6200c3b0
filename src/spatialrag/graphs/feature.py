"""Neighbors in expression: the k most similar spots by cosine."""

import numpy as np
from scipy import sparse

from spatialrag.errors import InputError, listing
from spatialrag.graphs.graph import Graph, join

_ELEMENTS = 1 << 25  # similarities held at a time


def feature_graph(
    features: np.ndarray | sparse.csr_matrix, *, k: int = 14, sections: np.ndarray | None = None
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

    Raises
    ------
    InputError
        A spot without any value (no direction), NaN or inf, more neighbors than spots.
    """
    rows = sparse.csr_matrix(features) if sparse.issparse(features) else np.asarray(features)
    values = rows.data if sparse.issparse(rows) else rows
    if not np.isfinite(values).all():
        raise InputError("the features contain NaN or inf")
    squares = rows.multiply(rows).sum(axis=1) if sparse.issparse(rows) else (rows * rows).sum(1)
    norms = np.sqrt(np.asarray(squares, np.float64).ravel())
    if (norms == 0).any():
        raise InputError(
            f"spots without any value have no neighbors: {listing(np.flatnonzero(norms == 0))}",
            fix="drop spots without counts",
        )
    unit = sparse.diags(1 / norms) @ rows if sparse.issparse(rows) else rows / norms[:, None]
    labels = np.zeros(len(norms), int) if sections is None else np.asarray(sections)
    parts, positions = [], []
    for label in np.unique(labels):
        at = np.flatnonzero(labels == label)
        parts.append(_most_similar(unit[at].astype(np.float32), k))
        positions.append(at)
    return join(parts, positions)


def _most_similar(unit: np.ndarray | sparse.csr_matrix, k: int) -> Graph:
    n = unit.shape[0]
    if not 1 <= k < n:
        raise InputError(
            "k must be at least 1 and below the number of spots",
            expected=f"1 to {n - 1}",
            got=str(k),
        )
    found, similarity = np.empty((n, k), np.int64), np.empty((n, k), np.float32)
    size = max(_ELEMENTS // n, 1)
    for start in range(0, n, size):
        block = unit[start : start + size] @ unit.T
        block = block.toarray() if sparse.issparse(block) else block
        own = np.arange(len(block))
        block[own, start + own] = -np.inf
        top = np.argpartition(-block, k - 1, axis=1)[:, :k]
        found[start : start + size] = top
        similarity[start : start + size] = np.take_along_axis(block, top, axis=1)
    first = np.repeat(np.arange(n), k)
    distance = np.maximum(1 - similarity.ravel().astype(np.float64), 0)
    settings = {"kind": "feature_knn", "k": k, "metric": "cosine"}
    return Graph.from_edges(first, found.ravel(), distance, n, settings)
