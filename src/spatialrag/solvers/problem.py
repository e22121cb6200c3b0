"""The problem every solver answers, for many queries against one design."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spatialrag.errors import InputError, listing
from spatialrag.solvers.designs import ArrayDesign, Design

_BLOCK = 4096  # references at a time where all queries are looked at


@dataclass(frozen=True, eq=False)
class Problem:
    r"""Minimise ½‖b − D a‖²_w + ½ l2 ‖a‖² + l1 ‖a‖₁ for each query, optionally with a ≥ 0.

    Parameters
    ----------
    design : (m, n_references) or Design
        D: features in rows, references in columns. A transposed C-contiguous array is best,
        because solvers gather columns.
    targets : (m, n_queries)
        One b per column.
    l1, l2 : (n_queries,) or float
        Penalties of each query, non-negative, not both zero.
    positive
        Whether weights must be non-negative.
    banned : (n_queries,) or (n_queries, k), optional
        References, or groups of references, that each query must not use; -1 for none.
    groups : (n_references,), optional
        Whole-number label of each reference (its slide, say); what ``banned`` then names.
    blocks : pairs (rows, weight), optional
        Consecutive rows of the design and what their squared error is multiplied with (‖·‖²_w).
        One block of weight 1 when absent.

    Raises
    ------
    InputError
        Shapes that do not match, NaN or inf, no reference left to a query, negative or vanishing
        penalties.
    """

    design: np.ndarray | Design
    targets: np.ndarray
    l1: np.ndarray
    l2: np.ndarray
    positive: bool = True
    banned: np.ndarray | None = None
    groups: np.ndarray | None = None
    blocks: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        _check_arrays(self)
        for name in ("l1", "l2"):
            penalty = np.broadcast_to(
                np.asarray(getattr(self, name), np.float64), self.targets.shape[1:]
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
        blocks = self.blocks or ((self.targets.shape[0], 1.0),)
        if sum(rows for rows, _ in blocks) != self.targets.shape[0] or not all(
            np.isfinite(weight) and weight >= 0 for _, weight in blocks
        ):
            raise InputError(
                "the blocks do not cover the design",
                expected=f"(rows, weight) pairs of {self.targets.shape[0]} rows, weights >= 0",
                got=str(blocks),
            )
        object.__setattr__(self, "blocks", tuple(blocks))
        if self.banned is not None:
            _check_banned(self)

    @cached_property
    def references(self) -> Design:
        """The design, to be read by blocks of references."""
        return ArrayDesign.of(self.design) if isinstance(self.design, np.ndarray) else self.design

    @property
    def row_weights(self) -> np.ndarray:
        """Weight of each row's squared error, (m,)."""
        return np.repeat([weight for _, weight in self.blocks], [rows for rows, _ in self.blocks])

    @property
    def n_references(self) -> int:
        """Number of columns of the design."""
        return self.design.shape[1]

    @property
    def n_queries(self) -> int:
        """Number of target columns."""
        return self.targets.shape[1]

    def strike(
        self, correlation: np.ndarray, queries: np.ndarray, references: np.ndarray, value: float
    ) -> None:
        """Overwrite what queries may not use with ``value``, in place.

        Parameters
        ----------
        correlation : (len(queries), len(references))
            D'r of some queries and (ascending) references.
        """
        if self.banned is None:
            return
        labels = references if self.groups is None else self.groups[references]
        banned = self.banned[queries]
        for label in np.intersect1d(banned, labels):
            rows = np.flatnonzero((banned == label).any(axis=1))
            correlation[np.ix_(rows, np.flatnonzero(labels == label))] = value


def _check_arrays(problem: Problem) -> None:
    if not hasattr(problem.design, "blocks"):
        object.__setattr__(problem, "design", np.asarray(problem.design))
    object.__setattr__(problem, "targets", np.asarray(problem.targets))
    design, targets = problem.design, problem.targets
    if len(design.shape) != 2 or targets.ndim != 2 or design.shape[0] != targets.shape[0]:
        raise InputError(
            "design and targets do not match",
            expected="(m, n_references) and (m, n_queries)",
            got=f"{tuple(design.shape)} and {targets.shape}",
        )
    if design.shape[1] == 0:
        raise InputError("the design has no references", fix="loosen the exclusions")
    for name, array in (("design", design), ("targets", targets)):
        # A stored design was checked when it was written.
        if isinstance(array, np.ndarray) and not np.isfinite(array).all():
            raise InputError(f"the {name} contains NaN or inf", fix="drop or impute these values")


def _check_banned(problem: Problem) -> None:
    banned = np.asarray(problem.banned)
    banned = banned[:, None] if banned.ndim == 1 else banned
    if len(banned) != problem.n_queries or banned.dtype.kind not in "iu":
        raise InputError(
            "banned does not match the queries",
            expected=f"whole numbers, ({problem.n_queries},) or ({problem.n_queries}, k)",
            got=f"{banned.dtype} {problem.banned.shape}",
        )
    labels = np.arange(problem.n_references)
    if problem.groups is not None:
        groups = np.asarray(problem.groups)
        if groups.shape != labels.shape or groups.dtype.kind not in "iu":
            raise InputError(
                "groups does not match the references",
                expected=f"whole numbers, ({problem.n_references},)",
                got=f"{groups.dtype} {groups.shape}",
            )
        object.__setattr__(problem, "groups", groups)
        labels = np.unique(groups)
    object.__setattr__(problem, "banned", banned)
    if banned.shape[1] >= len(labels):
        bare = [q for q, row in enumerate(banned) if np.isin(labels, row).all()]
        if bare:
            raise InputError(
                f"no reference is left to queries {listing(bare)}", fix="loosen the exclusions"
            )


def smallest_vanishing_l1(
    design: np.ndarray | Design,
    targets: np.ndarray,
    *,
    positive: bool,
    row_weights: np.ndarray | None = None,
) -> np.ndarray:
    """Return for each query the smallest l1 at which all weights are zero, (n_queries,).

    max_i d_i'b for non-negative weights (0 when no reference correlates positively), else
    max_i |d_i'b|. Targets are multiplied by ``row_weights`` (m,), when given.
    """
    if row_weights is not None:
        targets = targets * row_weights[:, None]
    source = design if hasattr(design, "blocks") else ArrayDesign.of(np.asarray(design))
    peak = np.zeros(targets.shape[1])
    for _, rows in source.blocks(_BLOCK):
        correlation = rows @ targets.astype(rows.dtype, copy=False)
        if not positive:
            np.abs(correlation, out=correlation)
        np.maximum(peak, correlation.max(axis=0), out=peak)
    return peak
