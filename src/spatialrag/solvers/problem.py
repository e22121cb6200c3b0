"""The problem every solver answers, for many queries against one design."""

from dataclasses import dataclass

import numpy as np

from spatialrag.errors import InputError


@dataclass(frozen=True, eq=False)
class Problem:
    r"""Minimise ½‖b − D a‖² + ½ l2 ‖a‖² + l1 ‖a‖₁ for each query, optionally with a ≥ 0.

    Parameters
    ----------
    design : (m, n_references)
        D: features in rows, references in columns. A transposed C-contiguous array is best,
        because solvers gather columns.
    targets : (m, n_queries)
        One b per column.
    l1, l2 : (n_queries,) or float
        Penalties of each query, non-negative, not both zero.
    positive
        Whether weights must be non-negative.
    banned : (n_queries,), optional
        A reference that each query must not use; -1 for none.

    Raises
    ------
    InputError
        Shapes that do not match, NaN or inf, no reference, negative or vanishing penalties.
    """

    design: np.ndarray
    targets: np.ndarray
    l1: np.ndarray
    l2: np.ndarray
    positive: bool = True
    banned: np.ndarray | None = None

    def __post_init__(self) -> None:
        design, targets = np.asarray(self.design), np.asarray(self.targets)
        if design.ndim != 2 or targets.ndim != 2 or design.shape[0] != targets.shape[0]:
            raise InputError(
                "design and targets do not match",
                expected="(m, n_references) and (m, n_queries)",
                got=f"{design.shape} and {targets.shape}",
            )
        if design.shape[1] == 0:
            raise InputError("the design has no references", fix="loosen the exclusions")
        for name, array in (("design", design), ("targets", targets)):
            if not np.isfinite(array).all():
                raise InputError(
                    f"the {name} contains NaN or inf", fix="drop or impute these values"
                )
            object.__setattr__(self, name, array)
        for name in ("l1", "l2"):
            penalty = np.broadcast_to(
                np.asarray(getattr(self, name), np.float64), targets.shape[1:]
            )
            if not (np.isfinite(penalty).all() and (penalty >= 0).all()):
                raise InputError(
                    f"{name} must be finite and non-negative", got=f"{getattr(self, name)}"
                )
            object.__setattr__(self, name, penalty)
        if ((self.l1 == 0) & (self.l2 == 0)).any():
            raise InputError(
                "l1 and l2 are both 0: the weights would not be unique", fix="raise either"
            )

    def strike_banned(self, correlation: np.ndarray, queries: np.ndarray) -> None:
        """Set D'r of banned references to 0, in place: as if their columns were 0."""
        if self.banned is not None:
            column = np.flatnonzero(self.banned[queries] >= 0)
            correlation[self.banned[queries][column], column] = 0

    @property
    def n_references(self) -> int:
        """Number of columns of the design."""
        return self.design.shape[1]

    @property
    def n_queries(self) -> int:
        """Number of target columns."""
        return self.targets.shape[1]


def smallest_vanishing_l1(design: np.ndarray, targets: np.ndarray, *, positive: bool) -> np.ndarray:
    """Return for each query the smallest l1 at which all weights are zero, (n_queries,).

    max_i d_i'b for non-negative weights (0 when no reference correlates positively), else
    max_i |d_i'b|.
    """
    correlation = design.T @ targets
    peak = correlation.max(axis=0) if positive else np.abs(correlation).max(axis=0)
    return np.maximum(peak.astype(np.float64), 0.0)
