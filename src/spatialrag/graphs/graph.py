"""A graph over spots, as squidpy keeps it."""

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from spatialrag.errors import InputError


@dataclass(frozen=True, eq=False)
class Graph:
    """Which spots are neighbors, and how far apart.

    Parameters
    ----------
    connectivities : CSR (n, n)
        float32, 1 where two spots are neighbors; symmetric, without self loops.
    distances : CSR (n, n)
        float64, same entries; in the unit of what the graph was made from.
    settings
        How it was made, with what was found automatically.

    Examples
    --------
    >>> from spatialrag.graphs import spatial_graph
    >>> spatial_graph(section.xy, kind="knn", k=4).connectivities.shape
    (56, 56)
    """

    connectivities: sparse.csr_matrix
    distances: sparse.csr_matrix
    settings: dict[str, object] = field(default_factory=dict)

    @classmethod
    def from_edges(
        cls,
        first: np.ndarray,
        second: np.ndarray,
        distance: np.ndarray,
        n: int,
        settings: dict[str, object],
    ) -> "Graph":
        """Return the symmetric graph of directed edges; given both ways, one is kept."""
        low, high = np.minimum(first, second), np.maximum(first, second)
        proper = low != high
        _, kept = np.unique(low[proper] * n + high[proper], return_index=True)
        low, high, distance = (x[proper][kept] for x in (low, high, distance))
        rows, columns = np.concatenate([low, high]), np.concatenate([high, low])
        doubled = np.concatenate([distance, distance]).astype(np.float64)
        ones = np.ones(len(rows), np.float32)
        connectivities, distances = (
            sparse.csr_matrix((values, (rows, columns)), shape=(n, n)) for values in (ones, doubled)
        )
        return cls(connectivities, distances, settings)

    @property
    def degrees(self) -> np.ndarray:
        """Neighbors of each spot, (n,)."""
        return np.diff(self.connectivities.indptr)

    @property
    def isolated(self) -> np.ndarray:
        """Positions of spots without neighbors."""
        return np.flatnonzero(self.degrees == 0)

    def require_edges(self) -> "Graph":
        """Return self, or raise `InputError` when no two spots are neighbors."""
        if self.connectivities.nnz == 0:
            raise InputError(
                "no two spots are neighbors",
                got=f"{self.settings}",
                fix="raise the radius, or use kind='knn'",
            )
        return self


def join(parts: list[Graph], positions: list[np.ndarray]) -> Graph:
    """Return one graph without edges between parts.

    Parameters
    ----------
    parts
        Graphs of disjoint sets of spots.
    positions
        Where each part's spots are among all.
    """
    n = sum(len(p) for p in positions)
    first, second, distance = [], [], []
    for part, at in zip(parts, positions, strict=True):
        edges = part.distances.tocoo()
        first.append(at[edges.row])
        second.append(at[edges.col])
        distance.append(edges.data)
    settings = {"sections": [part.settings for part in parts]} if len(parts) > 1 else {}
    shared = {
        k: v for k, v in parts[0].settings.items() if all(p.settings.get(k) == v for p in parts)
    }
    starts, ends, lengths = (np.concatenate(x) for x in (first, second, distance))
    return Graph.from_edges(starts, ends, lengths, n, shared | settings)


def without_self(found: np.ndarray) -> np.ndarray:
    """Return neighbors without the spot itself, or without the last where it is not listed.

    Parameters
    ----------
    found : (n, k + 1)
        Nearest spots of each. Of several at one place a search may name any first, and may not
        name the spot itself.
    """
    own = found == np.arange(len(found))[:, None]
    own[~own.any(axis=1), -1] = True
    own &= own.cumsum(axis=1) == 1
    return found[~own].reshape(len(found), -1)


def check_coordinates(xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates as (n, 2) float64, and the positions of spots that share a place.

    Cells that segmentation cut in two lie at one place, and do no harm.

    Raises
    ------
    InputError
        Not (n, 2), or not finite.
    """
    xy = np.asarray(xy, np.float64)
    if xy.ndim != 2 or xy.shape[1] != 2 or not np.isfinite(xy).all():
        raise InputError(
            "coordinates cannot be used",
            expected="finite values, (n_spots, 2)",
            got=f"{xy.shape}, {np.sum(~np.isfinite(xy))} not finite",
        )
    _, place, count = np.unique(xy, axis=0, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(count[place.ravel()] > 1)
    return xy, shared
