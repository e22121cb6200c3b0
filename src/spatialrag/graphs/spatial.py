"""Neighbors in space: within a radius, the k nearest, Delaunay, or rings of a grid."""

import numpy as np
from scipy import spatial

from spatialrag.errors import InputError
from spatialrag.graphs.graph import Graph, check_coordinates, join

KINDS = ("auto", "radius", "knn", "delaunay", "grid")
# Times the median distance to the nearest spot. Between the first ring of neighbors and the second,
# on square (1, √2 and 2) and hexagonal (1 and √3) grids alike: 8 or 6 neighbors.
_AUTOMATIC = 1.5
# Spots lie on a grid when distances to the nearest spread less than this share of their mean;
# measured: .05 on arrays with jittered coordinates, .3 to .4 on segmented cells.
_REGULAR = 0.15


def spatial_graph(
    xy: np.ndarray,
    *,
    kind: str = "radius",
    radius: float | None = None,
    k: int = 6,
    rings: int = 1,
    sections: np.ndarray | None = None,
) -> Graph:
    """Return the graph of spots that are close to each other.

    Parameters
    ----------
    xy : (n_spots, 2)
        Coordinates; distances and ``radius`` are in their unit.
    kind
        ``radius``: within a distance. ``knn``: each spot with its ``k`` nearest (joined both ways).
        ``delaunay``: triangulation, edges longer than ``radius`` left out when it is given.
        ``grid``: spots on a square or hexagonal grid, up to ``rings`` steps apart. ``auto``:
        ``grid`` where distances to the nearest spot are nearly the same for all, else ``knn``.
    radius
        1.5 times the median distance to the nearest spot when absent (of each section).
    k, rings
        See ``kind``.
    sections : (n_spots,), optional
        Section of each spot: no edges between sections.

    Raises
    ------
    InputError
        Coordinates that cannot be used, a section with one spot, more neighbors than spots, no
        edges at all.
    """
    if kind not in KINDS:
        raise InputError("unknown kind of graph", expected=", ".join(KINDS), got=repr(kind))
    if radius is not None and not radius > 0:
        raise InputError("radius must be positive", got=str(radius))
    labels = np.zeros(len(xy), int) if sections is None else np.asarray(sections)
    parts, positions = [], []
    for label in np.unique(labels):
        at = np.flatnonzero(labels == label)
        own = check_coordinates(np.asarray(xy)[at])
        if len(own) < 2:
            where = "" if sections is None else f" of section {label}"
            raise InputError(f"one spot{where} has no neighbors", fix="drop the section")
        parts.append(_one_section(own, kind, radius, k, rings))
        positions.append(at)
    return join(parts, positions).require_edges()


def neighbor_distance(xy: np.ndarray) -> float:
    """Return the median distance from a spot to its nearest, in the unit of ``xy``."""
    return float(np.median(spatial.cKDTree(xy).query(xy, k=2)[0][:, 1]))


def on_grid(xy: np.ndarray) -> bool:
    """Return whether spots lie on a regular grid, by the spread of distances to the nearest."""
    distance = spatial.cKDTree(xy).query(xy, k=2)[0][:, 1]
    return bool(distance.std() < _REGULAR * distance.mean())


def degree_graph(xy: np.ndarray, *, degree: int = 15, sections: np.ndarray | None = None) -> Graph:
    """Return the radius graph whose busiest spot has more than ``degree`` neighbors.

    What the published SemST calls r on Visium: the smallest radius at which every spot has more
    than 2 neighbors and one has more than ``degree``. One isolated spot raises it for all.

    Parameters
    ----------
    xy : (n_spots, 2)
    degree
        Neighbors, not a distance.
    sections : (n_spots,), optional
        As in `spatial_graph`; the radius is one for all.

    Raises
    ------
    InputError
        A section too small for that many neighbors.
    """
    labels = np.zeros(len(xy), int) if sections is None else np.asarray(sections)
    least, busiest = 0.0, np.inf
    for label in np.unique(labels):
        own = check_coordinates(np.asarray(xy)[labels == label])
        if len(own) < degree + 2:
            raise InputError(
                "a section is too small for this degree",
                expected=f"{degree + 2} spots or more",
                got=f"{len(own)} in section {label}",
            )
        near = spatial.cKDTree(own).query(own, k=[4, degree + 2])[0]
        least, busiest = max(least, near[:, 0].max()), min(busiest, near[:, 1].min())
    return spatial_graph(xy, radius=max(least, busiest) * (1 + 1e-9), sections=sections)


def _one_section(xy: np.ndarray, kind: str, radius: float | None, k: int, rings: int) -> Graph:
    if kind == "auto":
        kind = "grid" if on_grid(xy) else "knn"
    if kind == "knn":
        return _nearest(xy, k)
    if kind == "delaunay":
        return _triangulated(xy, radius)
    if kind == "grid":
        steps = _within(xy, _AUTOMATIC * neighbor_distance(xy), {"kind": "grid", "rings": rings})
        return _up_to(steps, xy, rings)
    found = radius if radius is not None else _AUTOMATIC * neighbor_distance(xy)
    return _within(xy, found, {"kind": "radius", "radius": found, "automatic": radius is None})


def _within(xy: np.ndarray, radius: float, settings: dict[str, object]) -> Graph:
    pairs = spatial.cKDTree(xy).query_pairs(radius, output_type="ndarray")
    return _of_pairs(xy, pairs, settings)


def _nearest(xy: np.ndarray, k: int) -> Graph:
    if not 1 <= k < len(xy):
        raise InputError(
            "k must be at least 1 and below the number of spots",
            expected=f"1 to {len(xy) - 1}",
            got=str(k),
        )
    found = spatial.cKDTree(xy).query(xy, k=k + 1)[1][:, 1:]
    pairs = np.column_stack([np.repeat(np.arange(len(xy)), k), found.ravel()])
    return _of_pairs(xy, pairs, {"kind": "knn", "k": k})


def _triangulated(xy: np.ndarray, radius: float | None) -> Graph:
    try:
        corners = spatial.Delaunay(xy).simplices
    except spatial.QhullError as error:
        raise InputError(
            "these spots cannot be triangulated",
            expected="three spots or more that are not on one line",
            got=f"{len(xy)} spots",
            fix="use kind='knn' or 'radius'",
        ) from error
    pairs = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]])
    if radius is not None:
        pairs = pairs[np.linalg.norm(xy[pairs[:, 0]] - xy[pairs[:, 1]], axis=1) <= radius]
    return _of_pairs(xy, pairs, {"kind": "delaunay", "radius": radius})


def _up_to(graph: Graph, xy: np.ndarray, rings: int) -> Graph:
    if rings < 1:
        raise InputError("rings must be at least 1", got=str(rings))
    reach = step = graph.connectivities
    for _ in range(rings - 1):
        reach = reach + reach @ step
    pairs = np.column_stack(reach.nonzero())
    return _of_pairs(xy, pairs, graph.settings)


def _of_pairs(xy: np.ndarray, pairs: np.ndarray, settings: dict[str, object]) -> Graph:
    first, second = pairs.T.astype(np.int64)
    distance = np.linalg.norm(xy[first] - xy[second], axis=1)
    return Graph.from_edges(first, second, distance, len(xy), settings)
