"""Training spots as the members of a stack read them, and which are left out together."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from spatialrag.prediction.features import HeldOut, hold_out
from spatialrag.training.hold_out import exclusion_groups

_GUIDES = 1000
_SIDE = 2  # a slide alone is cut into so many strips of equal size each way


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Spots with counts.

    Parameters
    ----------
    x : (n, p)
        Features: embeddings, or what members read of them.
    targets : CSR (n, n_genes)
        Expression.
    depth : (n,)
        ln(1 + counts).
    slides, donors : (n,)
        Names.
    xy : (n, 2)
        Places within the slides, pixels; NaN where unknown.
    """

    x: np.ndarray
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
                for name in ("x", "targets", "depth", "slides", "donors", "xy")
            )
        )

    @cached_property
    def groups(self) -> np.ndarray:
        """What is left out together, (n,): donors of three or more, slides, or parts of one."""
        if len(np.unique(self.slides)) > 1:
            return exclusion_groups(self.donors, self.slides)
        return contiguous_parts(self.xy)

    @cached_property
    def folds(self) -> list[HeldOut]:
        """The features with each group left out."""
        return hold_out(self.x, self.groups)

    @cached_property
    def guides(self) -> np.ndarray:
        """Expression that choices rest on, (n, k): the thousand genes that vary most."""
        squares = self.targets.multiply(self.targets).mean(axis=0)
        variance = np.asarray(squares - np.square(self.targets.mean(axis=0))).ravel()
        chosen = np.sort(np.argsort(-variance, kind="stable")[:_GUIDES])
        return self.targets[:, chosen].toarray().astype(np.float64)


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
