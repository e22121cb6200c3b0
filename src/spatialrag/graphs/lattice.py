"""Grids of spots: whether there is one, how far apart its spots are, and Visium's array indices."""

import numpy as np
from scipy import spatial
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

# Times the spacing of a grid. Between the first ring of neighbors and the second, on square (1, √2
# and 2) and hexagonal (1 and √3) grids alike: 8 or 6 neighbors.
REACH = 1.5
# Spots lie on a grid when the distance to the nearest is within this share of the median for most
# of them. Measured: 98 to 100 % of the spots of arrays, jittered ones too, and 37 to 49 % of
# segmented cells. Off the tissue there may be as many spots as the rest allows.
_REGULAR, _MOST = 0.15, 2 / 3
_WHOLE = 1e-6  # what rounding leaves of whole numbers
_BOTH = 0.2  # of the diagonal steps of an array of spots, at least; a line has one direction alone

UNFOLDED = (
    "places are Visium's array indices: rows are taken as √3 columns apart, so that each spot has "
    "six neighbors"
)


def on_grid(xy: np.ndarray) -> bool:
    """Return whether spots lie on a regular grid: most are one spacing from their nearest.

    Spots off the grid do not matter while they are few. Spots at one place count once.

    Parameters
    ----------
    xy : (n_spots, 2)
        Places of one section.
    """
    return _regular(_to_nearest(np.unique(xy, axis=0)))


def neighbor_distance(xy: np.ndarray) -> float:
    """Return the distance between neighboring spots, in the unit of ``xy``.

    The median distance from a place to the nearest other. On a grid, of the largest piece of
    tissue alone: what lies off it then changes nothing, also where coordinates are jittered and
    every small change of a radius would make and break edges.

    Parameters
    ----------
    xy : (n_spots, 2)
        Places of one section.
    """
    places = np.unique(xy, axis=0)
    distance = _to_nearest(places)
    middle = float(np.median(distance))
    if not _regular(distance):
        return middle
    return float(np.median(distance[_largest_piece(places, REACH * middle)]))


def unfold_array(xy: np.ndarray, *, rows: int) -> np.ndarray:
    """Return Visium's array indices as places, so that six neighbors are equally far.

    Columns count half spots: of the neighbors of (row, column), two are at (row, column ± 2) and
    four at (row ± 1, column ± 1). Rows are therefore √3 columns apart.

    Parameters
    ----------
    xy : (n_spots, 2)
        Array indices.
    rows
        Which column of ``xy`` holds ``array_row``: 0 or 1.

    Returns
    -------
    (n_spots, 2) float64
        In columns: neighbors are 2 apart.
    """
    places = np.array(xy, np.float64)
    places[:, rows] *= np.sqrt(3)
    return places


def array_rows(xy: np.ndarray) -> int | None:
    """Return which column of ``xy`` holds Visium's ``array_row``, or None for other coordinates.

    Indices are whole numbers whose sum is even for all spots, or odd for all, and the nearest spots
    are one step away in both directions. That alone does not tell rows from columns: the direction
    with more steps is taken for columns, as slides have 78 rows and 128 columns, and the first for
    rows where there are as many.

    Parameters
    ----------
    xy : (n_spots, 2)
        Places of one section.
    """
    places = np.unique(xy, axis=0)
    whole = (np.abs(places - np.rint(places)) <= _WHOLE).all(axis=1)
    if np.mean(whole) < _MOST:
        return None
    odd = np.rint(places).sum(axis=1) % 2 == 1
    usual = whole & (odd == (np.mean(odd[whole]) > 0.5))
    diagonal = np.abs(_to_nearest(places) - np.sqrt(2)) <= _WHOLE
    if np.mean(usual & diagonal) < _MOST:
        return None
    first, second = _pairs(places, np.sqrt(2) + _WHOLE)
    falling = np.mean((places[first] - places[second]).prod(axis=1) < 0)
    if not _BOTH <= falling <= 1 - _BOTH:
        return None
    steps = np.ptp(places[_largest_piece(places, REACH * np.sqrt(2))], axis=0)
    return 0 if steps[0] <= steps[1] else 1


def _regular(distance: np.ndarray) -> bool:
    middle = np.median(distance)
    return bool(np.mean(np.abs(distance - middle) <= _REGULAR * middle) >= _MOST)


def _to_nearest(places: np.ndarray) -> np.ndarray:
    """Return the distance from each of different places to the nearest other."""
    if len(places) < 2:
        return np.zeros(len(places))
    return spatial.cKDTree(places).query(places, k=2)[0][:, 1]


def _largest_piece(places: np.ndarray, reach: float) -> np.ndarray:
    """Return a mask of the most places that steps up to ``reach`` join; the first of several."""
    first, second = _pairs(places, reach)
    ones, shape = np.ones(len(first), bool), (len(places), len(places))
    label = connected_components(coo_matrix((ones, (first, second)), shape), directed=False)[1]
    return label == np.bincount(label).argmax()


def _pairs(places: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends of every pair that is at most ``reach`` apart."""
    first, second = spatial.cKDTree(places).query_pairs(reach, output_type="ndarray").T
    return first, second
