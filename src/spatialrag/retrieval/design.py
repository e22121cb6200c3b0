"""The stacked design of Eq. 1: an image block and an anchor block on one scale.

GeneRAG, Eq. 1: w ‖f − D_img a‖² + (1 − w) ‖y − D_anchor a‖² is one least-squares problem over both
blocks' rows; the solver takes their weights w and 1 − w (`spatialrag.solvers.problem.Problem`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from spatialrag.errors import check_choice

Scaling = Literal["raw", "variance", "standardized"]
SCALINGS = get_args(Scaling)


@dataclass(frozen=True, eq=False)
class Block:
    """References of one modality, and how queries are put on their scale.

    Parameters
    ----------
    rows : (n_references, p)
        float32, scaled.
    center : (p,)
        Subtracted before scaling; zeros unless ``standardized``.
    factor
        Multiplied afterwards.
    """

    rows: np.ndarray
    center: np.ndarray
    factor: float

    def queries(self, values: np.ndarray) -> np.ndarray:
        """Return query values (n_queries, p) on the block's scale, float32."""
        return ((values - self.center) * self.factor).astype(np.float32)

    def facing(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the references' rows, and beside them those of query values (n_queries, p)."""
        return self.rows, self.queries(values)


def make_block(values: np.ndarray, *, scaling: Scaling) -> Block:
    """Return one block of the design.

    Parameters
    ----------
    values : (n_references, p)
        Embeddings or anchor expression of the references.
    scaling
        ``raw``: as published. ``variance``: divided by the square root of the block's total
        variance over references, so that a unit of weight means the same in every block.
        ``standardized``: centred as well.
    """
    check_choice(scaling, SCALINGS, name="scaling")
    mean = values.mean(axis=0, dtype=np.float64)
    center = mean if scaling == "standardized" else np.zeros_like(mean)
    total = 1.0 if scaling == "raw" else float(values.var(axis=0, dtype=np.float64).sum())
    # One reference, or identical ones: there is no variance to divide by.
    factor = 1 / np.sqrt(total) if total > 0 else 1.0
    rows = np.ascontiguousarray((values - center) * factor, dtype=np.float32)
    return Block(rows, center, factor)


def stack(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return blocks side by side: (n, sum of p), C-contiguous."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
