"""Training spots as the members of a stack read them, and which are left out together."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from spatialrag.training.hold_out import exclusion_groups

_GUIDES = 1000
_SIDE = 2  # a slide alone is cut into so many strips of equal size each way


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Spots with counts.

    Parameters
    ----------
    vectors : (n, dim)
        Embeddings as the bank has them.
    targets : CSR (n, n_genes)
        Expression.
    depth : (n,)
        ln(1 + counts).
    slides, donors : (n,)
        Names.
    xy : (n, 2)
        Places within the slides, pixels; NaN where unknown.
    """

    vectors: np.ndarray
    targets: sparse.csr_matrix
    depth: np.ndarray
    slides: np.ndarray
    donors: np.ndarray
    xy: np.ndarray

    def of(self, rows: np.ndarray) -> "TrainingSet":
        """Return some of the spots, (n,) bool."""
        return TrainingSet(
            *(
                getattr(self, name)[rows]
                for name in ("vectors", "targets", "depth", "slides", "donors", "xy")
            )
        )

    @property
    def groups(self) -> np.ndarray:
        """What is left out together, (n,): donors of three or more, slides, or parts of one."""
        if len(np.unique(self.slides)) > 1:
            return exclusion_groups(self.donors, self.slides)
        return contiguous_parts(self.xy)

    @property
    def guides(self) -> np.ndarray:
        """Columns of the genes that choices rest on, (k,): the thousand that vary most."""
        squares = self.targets.multiply(self.targets).mean(axis=0)
        variance = np.asarray(squares - np.square(self.targets.mean(axis=0))).ravel()
        return np.sort(np.argsort(-variance, kind="stable")[:_GUIDES])


def contiguous_parts(xy: np.ndarray) -> np.ndarray:
    """Return a label per spot of one slide: four parts of equal size, each in one piece.

    Neighboring spots look and express alike: spots left out at random would be told by their
    neighbors. Spots without places are cut in the order they come in.

    Parameters
    ----------
    xy : (n, 2)
    """
    n = len(xy)
    if not np.isfinite(xy).all():
        return np.arange(n) * _SIDE**2 // max(n, 1)
    part = np.empty(n, int)
    strips = np.array_split(np.lexsort((xy[:, 1], xy[:, 0])), _SIDE)
    for i, strip in enumerate(strips):
        across = strip[np.lexsort((xy[strip, 0], xy[strip, 1]))]
        for j, rows in enumerate(np.array_split(across, _SIDE)):
            part[rows] = i * _SIDE + j
    return part
