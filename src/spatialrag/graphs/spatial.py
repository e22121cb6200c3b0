"""Neighbors in space: within a radius, the k nearest, Delaunay, or rings of a grid."""

import warnings
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from scipy import sparse, spatial

from spatialrag.errors import InputError, check_choice, listing
from spatialrag.graphs.graph import Graph, check_coordinates, join, without_self
from spatialrag.graphs.lattice import (
    REACH,
    UNFOLDED,
    array_rows,
    neighbor_distance,
    on_grid,
    unfold_array,
)

_OVERLAID = "; of several sections, say which spot lies on which"
Kind = Literal["auto", "radius", "knn", "delaunay", "grid"]
KINDS = get_args(Kind)


def spatial_graph(
    xy: np.ndarray,
    *,
    kind: Kind = "radius",
    radius: float | None = None,
    k: int = 6,
    rings: int = 1,
    sections: np.ndarray | None = None,
    spots: np.ndarray | None = None,
) -> Graph:
    """Return the graph of spots that are close to each other.

    Spots at one place are neighbors at distance 0; they are counted in ``settings`` and in a
    warning. Spots that nothing is close to have no neighbors; a warning and
    ``settings["isolated"]`` name them. Places that are Visium's array indices (see `array_rows`)
    are unfolded first: distances and ``radius`` are then in columns, neighbors 2 apart.

    Parameters
    ----------
    xy : (n_spots, 2)
        Coordinates; distances and ``radius`` are in their unit.
    kind
        ``radius``: within a distance. ``knn``: each spot with its ``k`` nearest (joined both ways).
        ``delaunay``: triangulation, edges longer than ``radius`` left out when it is given.
        ``grid``: spots on a square or hexagonal grid, up to ``rings`` steps apart. ``auto``:
        ``grid`` where most spots are one spacing from their nearest (`on_grid`), else ``knn``;
        for each section on its own.
    radius
        1.5 times the distance between neighboring spots (`neighbor_distance`) when absent, of each
        section.
    k, rings
        See ``kind``.
    sections : (n_spots,), optional
        Section of each spot: no edges between sections.
    spots : (n_spots,), optional
        Names, for messages and ``settings``; positions when absent.

    Raises
    ------
    InputError
        Coordinates that cannot be used, a section with one spot, more neighbors than spots, no
        edges at all.

    Examples
    --------
    >>> line = np.column_stack([np.arange(4.0), np.zeros(4)])
    >>> spatial_graph(line, radius=1.5).connectivities.toarray().astype(int).tolist()
    [[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]]
    """
    check_choice(kind, KINDS, name="kind of graph")
    if radius is not None and not radius > 0:
        raise InputError("radius must be positive", got=str(radius))
    places = _Places.of(xy, sections, spots)
    parts = []
    for own, label in zip(places.parts, places.labels, strict=True):
        where = "" if sections is None else f" of section {label}"
        parts.append(_one_section(own, kind, radius, k, rings, where))
    return places.graph(parts)


def degree_graph(
    xy: np.ndarray,
    *,
    degree: int = 15,
    sections: np.ndarray | None = None,
    spots: np.ndarray | None = None,
) -> Graph:
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
    spots : (n_spots,), optional
        As in `spatial_graph`.

    Raises
    ------
    InputError
        A section too small for that many neighbors.
    """
    places = _Places.of(xy, sections, spots)
    least, busiest = 0.0, np.inf
    for own, label in zip(places.parts, places.labels, strict=True):
        if len(own) < degree + 2:
            raise InputError(
                "a section is too small for this degree",
                expected=f"{degree + 2} spots or more",
                got=f"{len(own)} in section {label}",
            )
        near = spatial.cKDTree(own).query(own, k=[4, degree + 2])[0]
        least, busiest = max(least, near[:, 0].max()), min(busiest, near[:, 1].min())
    radius = max(least, busiest) * (1 + 1e-9)
    return places.graph([_within_radius(own, radius) for own in places.parts])


@dataclass(frozen=True, eq=False)
class _Places:
    """Places by section, checked.

    Parameters
    ----------
    parts
        Places of each section, (n, 2) float64.
    positions
        Where each section's spots are among all.
    labels, names
        Labels of all spots' sections, and the sections' names.
    facts
        What was found about the places, for the graph's settings.
    """

    parts: list[np.ndarray]
    positions: list[np.ndarray]
    labels: list[object]
    names: np.ndarray
    facts: dict[str, object]

    @classmethod
    def of(cls, xy: np.ndarray, sections: np.ndarray | None, spots: np.ndarray | None) -> "_Places":
        """Return places by section; warn of those that are shared and of array indices."""
        xy = np.asarray(xy)
        names = np.arange(len(xy)) if spots is None else np.asarray(spots)
        of_section = np.zeros(len(xy), int) if sections is None else np.asarray(sections)
        labels = list(np.unique(of_section))
        positions = [np.flatnonzero(of_section == label) for label in labels]
        parts, twins, unfolded = [], [], 0
        for label, at in zip(labels, positions, strict=True):
            own, shared = check_coordinates(xy[at])
            if len(own) < 2:
                where = "" if sections is None else f" of section {label}"
                raise InputError(f"one spot{where} has no neighbors", fix="drop the section")
            rows = array_rows(own)
            unfolded += rows is not None
            parts.append(own if rows is None else unfold_array(own, rows=rows))
            twins.extend(names[at[shared]])
        facts: dict[str, object] = {"sharing_places": len(twins)} if twins else {}
        if twins:
            _warn(
                f"{len(twins):,} of {len(xy):,} spots share their place with another and are its "
                f"neighbors at distance 0: {listing(twins)}"
                + _OVERLAID
                * (2 * len(twins) > len(xy))
            )
        if unfolded:
            facts["array_indices"] = True
            _warn(UNFOLDED)
        return cls(parts, positions, labels, names, facts)

    def graph(self, parts: list[Graph]) -> Graph:
        """Return the sections' graphs as one; warn of spots that have no neighbors."""
        whole = join(parts, self.positions).require_edges()
        facts = dict(self.facts)
        if len(whole.isolated):
            alone = [str(name) for name in self.names[whole.isolated]]
            facts["isolated"] = alone
            are = "spot has" if len(alone) == 1 else "spots have"
            _warn(f"{len(alone):,} {are} no neighbors: {listing(alone)}")
        return replace(whole, settings=whole.settings | facts)


def _warn(message: str) -> None:
    # The line that asked for the graph: above this function, a method of _Places and its caller.
    warnings.warn(message, stacklevel=4)


def _one_section(
    xy: np.ndarray, kind: Kind, radius: float | None, k: int, rings: int, where: str
) -> Graph:
    if kind == "auto":
        kind = "grid" if on_grid(xy) else "knn"
    if kind == "knn":
        return _nearest(xy, k, where)
    if kind == "delaunay":
        return _triangulated(xy, radius)
    if kind == "grid":
        steps = _within(xy, REACH * neighbor_distance(xy), {"kind": "grid", "rings": rings})
        return _up_to(steps, xy, rings)
    return _within_radius(xy, radius)


def _within_radius(xy: np.ndarray, radius: float | None) -> Graph:
    found = radius if radius is not None else REACH * neighbor_distance(xy)
    return _within(xy, found, {"kind": "radius", "radius": found, "automatic": radius is None})


def _within(xy: np.ndarray, radius: float, settings: dict[str, object]) -> Graph:
    pairs = spatial.cKDTree(xy).query_pairs(radius, output_type="ndarray")
    return _of_pairs(xy, pairs, settings)


def _nearest(xy: np.ndarray, k: int, where: str) -> Graph:
    if not 1 <= k < len(xy):
        raise InputError(
            f"k must be at least 1 and below the number of spots{where}",
            expected=f"1 to {len(xy) - 1}",
            got=str(k),
            fix="ask for fewer neighbors" + ", or leave that section out" * bool(where),
        )
    found = without_self(spatial.cKDTree(xy).query(xy, k=k + 1)[1])
    pairs = np.column_stack([np.repeat(np.arange(len(xy)), k), found.ravel()])
    return _of_pairs(xy, pairs, {"kind": "knn", "k": k})


def _triangulated(xy: np.ndarray, radius: float | None) -> Graph:
    places, place_of = np.unique(xy, axis=0, return_inverse=True)
    if len(places) == len(xy):  # in the order given: ties of a grid are cut by it
        places, place_of = xy, np.arange(len(xy))
    try:
        corners = spatial.Delaunay(places).simplices
    except spatial.QhullError as error:
        raise InputError(
            "these spots cannot be triangulated",
            expected="three spots or more that are not on one line",
            got=f"{len(xy)} spots",
            fix="use kind='knn' or 'radius'",
        ) from error
    pairs = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]])
    pairs = _of_all(pairs, place_of.ravel(), len(places))
    if radius is not None:
        pairs = pairs[np.linalg.norm(xy[pairs[:, 0]] - xy[pairs[:, 1]], axis=1) <= radius]
    return _of_pairs(xy, pairs, {"kind": "delaunay", "radius": radius})


def _of_all(pairs: np.ndarray, place_of: np.ndarray, n_places: int) -> np.ndarray:
    """Return pairs of spots from pairs of places; spots at one place are joined as well."""
    n = len(place_of)
    at = sparse.csr_matrix((np.ones(n), (np.arange(n), place_of)), shape=(n, n_places))
    ones, shape = np.ones(len(pairs)), (n_places, n_places)
    joined = sparse.csr_matrix((ones, (pairs[:, 0], pairs[:, 1])), shape=shape)
    return np.column_stack((at @ (joined + sparse.identity(n_places)) @ at.T).nonzero())


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
