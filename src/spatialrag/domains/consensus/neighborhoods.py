"""Places of spots in units of their spacing, and means over the nearest of them."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from spatialrag.graphs.graph import check_coordinates
from spatialrag.graphs.lattice import on_grid


@dataclass(frozen=True, eq=False)
class Neighborhoods:
    """Different places of a tissue, section by section, and which spots lie at each.

    Parameters
    ----------
    xy : (n_places, 2)
        In units of the section's median distance to the nearest place.
    section : (n_places,)
        Number of each place's section.
    at : CSR (n_places, n_spots)
        1 where a spot lies at a place: cells may share one.
    regular
        Whether all sections lie on grids.
    """

    xy: np.ndarray
    section: np.ndarray
    at: sparse.csr_matrix
    regular: bool

    @classmethod
    def of(cls, xy: np.ndarray, sections: np.ndarray | None = None) -> "Neighborhoods":
        """Return the places of spots.

        Parameters
        ----------
        xy : (n_spots, 2)
            Any unit.
        sections : (n_spots,), optional
        """
        xy, _ = check_coordinates(xy)
        labels = np.zeros(len(xy), int) if sections is None else np.asarray(sections)
        number = np.unique(labels, return_inverse=True)[1].ravel()
        rows = np.column_stack([number, xy])
        places, of_spot = np.unique(rows, axis=0, return_inverse=True)
        n = len(xy)
        shape = (len(places), n)
        at = sparse.csr_matrix((np.ones(n), (of_spot.ravel(), np.arange(n))), shape=shape)
        section, scaled = places[:, 0].astype(int), places[:, 1:].copy()
        regular = True
        for label in np.unique(section):
            own = section == label
            regular &= on_grid(scaled[own])
            scaled[own] /= _spacing(scaled[own])
        return cls(scaled, section, at, regular)

    @property
    def shared(self) -> np.ndarray:
        """Spots at each place, (n_places,)."""
        return np.asarray(self.at.sum(axis=1)).ravel()

    def nearest(self, k: int) -> np.ndarray:
        """Return the ``k`` nearest places of each, itself first, (n_places, k); -1 where none.

        Parameters
        ----------
        k
            More than a section has are -1.
        """
        found = np.full((len(self.xy), k), -1)
        for label in np.unique(self.section):
            own = np.flatnonzero(self.section == label)
            n = min(k, len(own))
            near = cKDTree(self.xy[own]).query(self.xy[own], k=n)[1].reshape(len(own), n)
            found[own, :n] = own[near]
        return found

    def mean(self, k: int) -> sparse.csr_matrix:
        """Return the operator to each spot's mean over its place and the ``k`` nearest others.

        Parameters
        ----------
        k
            Places besides its own.

        Returns
        -------
        CSR (n_spots, n_spots)
            Rows sum to 1.
        """
        spots = self._near(k) @ self.at
        spots = sparse.diags(1 / np.asarray(spots.sum(axis=1)).ravel()) @ spots
        return (self.at.T @ spots).tocsr()

    def mean_of_places(self, k: int) -> sparse.csr_matrix:
        """Return the same operator from values of places to means at places, places weighing alike.

        Returns
        -------
        CSR (n_places, n_places)
            Rows sum to 1.
        """
        near = self._near(k)
        return (sparse.diags(1 / np.asarray(near.sum(axis=1)).ravel()) @ near).tocsr()

    def _near(self, k: int) -> sparse.csr_matrix:
        found = self.nearest(k + 1)
        rows, columns = np.nonzero(found >= 0)
        ones, n = np.ones(len(rows)), len(found)
        return sparse.csr_matrix((ones, (rows, found[rows, columns])), shape=(n, n))

    def pairs_within(
        self, reach: float, of: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return pairs of places up to ``reach`` spacings apart, and their distances.

        Parameters
        ----------
        reach
            In units of the spacing.
        of : (m,)
            Places whose neighbors are looked for; they are the first of each pair.
        """
        first, second = [np.zeros(0, int)], [np.zeros(0, int)]
        for label in np.unique(self.section):
            own = np.flatnonzero(self.section == label)
            asked = of[self.section[of] == label]
            near = cKDTree(self.xy[own]).query_ball_point(self.xy[asked], reach)
            first.append(np.repeat(asked, [len(each) for each in near]))
            second += [own[np.asarray(each, int)] for each in near]
        rows, columns = np.concatenate(first), np.concatenate(second)
        rows, columns = rows[rows != columns], columns[rows != columns]
        return rows, columns, np.linalg.norm(self.xy[rows] - self.xy[columns], axis=1)

    def ring(self, inner: float, outer: float) -> sparse.csr_matrix:
        """Return which places are more than ``inner`` and at most ``outer`` spacings apart.

        Parameters
        ----------
        inner, outer
            In units of the spacing.

        Returns
        -------
        CSR (n_places, n_places)
            1 at such pairs, both ways.
        """
        first, second = [], []
        for label in np.unique(self.section):
            own = np.flatnonzero(self.section == label)
            pairs = cKDTree(self.xy[own]).query_pairs(outer, output_type="ndarray")
            length = np.linalg.norm(self.xy[own[pairs[:, 0]]] - self.xy[own[pairs[:, 1]]], axis=1)
            pairs = own[pairs[length > inner]]
            first += [pairs[:, 0], pairs[:, 1]]
            second += [pairs[:, 1], pairs[:, 0]]
        rows, columns, n = np.concatenate(first), np.concatenate(second), len(self.xy)
        return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(n, n))


def _spacing(xy: np.ndarray) -> float:
    if len(xy) < 2:
        return 1.0
    return float(np.median(cKDTree(xy).query(xy, k=2)[0][:, 1]))
