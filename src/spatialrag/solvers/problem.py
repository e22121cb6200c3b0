"""The problem every solver answers, for many queries against one design."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from spatialrag.errors import InputError
from spatialrag.solvers.designs import ArrayDesign, Design
from spatialrag.solvers.inputs import (
    blocks_of,
    check_left,
    check_shapes,
    check_values,
    labels_of,
    penalty_of,
    real_array,
)
from spatialrag.solvers.precision import fits_float32, target_fits

_BLOCK = 4096  # references at a time where all queries are looked at


@dataclass(frozen=True, eq=False)
class Problem:
    r"""Minimise ½‖b − D a‖²_w + ½ l2 ‖a‖² + l1 ‖a‖₁ for each query, optionally with a ≥ 0.

    Parameters
    ----------
    design : (m, n_references) or Design
        D: features in rows, references in columns. A transposed C-contiguous array is best,
        because solvers gather columns. float64 is computed with as such, and whole numbers that
        float32 cannot hold; anything else as float32.
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
    without : (n_queries,) or (n_queries, k), optional
        Single references that each query must not use either, whatever ``banned`` names; -1 for
        none.

    Raises
    ------
    InputError
        Shapes that do not match, nothing to solve, what is no real number, NaN or inf, values that
        float64 cannot square (see `spatialrag.solvers.precision`), no reference left to a query,
        negative or vanishing penalties.

    Examples
    --------
    >>> problem = sr.Problem(np.eye(3), np.array([[2.0], [0.5], [-1.0]]), l1=1.0, l2=0.0)
    >>> sr.WorkingSet().solve(problem).weights.toarray().round(6).tolist()
    [[1.0, 0.0, 0.0]]
    """

    design: np.ndarray | Design
    targets: np.ndarray
    l1: np.ndarray
    l2: np.ndarray
    positive: bool = True
    banned: np.ndarray | None = None
    groups: np.ndarray | None = None
    blocks: tuple[tuple[int, float], ...] = ()
    without: np.ndarray | None = None

    def __post_init__(self) -> None:
        design = self.design
        design = design if hasattr(design, "blocks") else real_array("design", design)
        targets = real_array("targets", self.targets)
        check_shapes(design, targets)
        check_values(design, targets)
        (m, n), n_queries = design.shape, targets.shape[1]
        blocks = blocks_of(self.blocks, m)
        l1, l2 = penalty_of("l1", self.l1, n_queries), penalty_of("l2", self.l2, n_queries)
        if ((l1 == 0) & (l2 == 0)).any():
            raise InputError(
                "l1 and l2 are both 0: the weights would not be unique", fix="raise either"
            )
        labels: dict[str, np.ndarray] = {}
        if self.groups is not None:
            labels["groups"] = labels_of("groups", self.groups, n)
        for name in ("banned", "without"):
            if getattr(self, name) is not None:
                below = n if name == "without" or self.groups is None else None
                labels[name] = labels_of(
                    name, getattr(self, name), n_queries, columns=True, below=below
                )
        groups = labels.get("groups", np.arange(n))
        check_left(labels.get("banned"), labels.get("without"), groups, n_queries)
        checked = {"design": design, "targets": targets, "l1": l1, "l2": l2, "blocks": blocks}
        for name, value in (checked | labels).items():
            object.__setattr__(self, name, value)

    def select(self, queries: np.ndarray, *, without: np.ndarray | None = None) -> "Problem":
        """Return the problem of some queries; all else is kept.

        Parameters
        ----------
        queries : (n,)
            Positions, in any order, repeats allowed.
        without : (n,) or (n, k), optional
            References that each of them must not use, besides what it already must not; -1 for
            none.

        Raises
        ------
        InputError
            Positions that do not exist, or no reference left to a query.
        """
        queries = np.asarray(queries)
        if queries.dtype.kind not in "iu" or queries.ndim != 1 or queries.size == 0:
            raise InputError(
                "queries must be selected by position",
                expected="whole numbers, (n,), at least one",
                got=f"{queries.dtype} {queries.shape}",
            )
        if queries.min() < 0 or queries.max() >= self.n_queries:
            raise InputError(
                "queries are selected that do not exist",
                expected=f"0 to {self.n_queries - 1}",
                got=f"{queries.min()} to {queries.max()}",
            )
        parts = [] if self.without is None else [self.without[queries]]
        if without is not None:
            more = labels_of(
                "without", without, len(queries), columns=True, below=self.n_references
            )
            parts.append(more)
        return replace(
            self,
            targets=self.targets[:, queries],
            l1=self.l1[queries],
            l2=self.l2[queries],
            banned=None if self.banned is None else self.banned[queries],
            without=np.hstack(parts) if parts else None,
        )

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

    def mask_banned(
        self, correlation: np.ndarray, queries: np.ndarray, references: np.ndarray, value: float
    ) -> None:
        """Overwrite what queries may not use with ``value``, in place.

        Parameters
        ----------
        correlation : (len(queries), len(references))
            D'r of some queries and (ascending) references.
        """
        if self.banned is None and self.without is None:
            return
        if self.banned is not None:
            labels = references if self.groups is None else self.groups[references]
            banned = self.banned[queries]
            for label in np.intersect1d(banned, labels):
                rows = np.flatnonzero((banned == label).any(axis=1))
                correlation[np.ix_(rows, np.flatnonzero(labels == label))] = value
        correlation[self.left_out(queries, references)] = value

    def left_out(
        self, queries: np.ndarray, references: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return positions of (query, reference) pairs that ``without`` names.

        Parameters
        ----------
        queries : (n,)
        references : (b,)
            Ascending.
        """
        if self.without is None:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        named = self.without[queries]
        position = np.minimum(np.searchsorted(references, named), len(references) - 1)
        row, column = np.nonzero(references[position] == named)
        return row, position[row, column]


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
    targets = real_array("targets", targets)
    if row_weights is not None:
        targets = targets * row_weights[:, None]
    source = design if hasattr(design, "blocks") else ArrayDesign.of(real_array("design", design))
    peak = np.zeros(targets.shape[1])
    for _, rows in source.blocks(_BLOCK):
        np.maximum(peak, _largest(rows, targets, positive=positive), out=peak)
    return peak


def _largest(rows: np.ndarray, targets: np.ndarray, *, positive: bool) -> np.ndarray:
    """Return the largest correlation of each target, in float64 where float32 does not fit."""
    with np.errstate(over="ignore", invalid="ignore"):
        correlation = rows @ targets.astype(rows.dtype, copy=False)
    high, low = correlation.max(axis=0).astype(np.float64), correlation.min(axis=0)
    size = np.maximum(high, -low)
    largest = high if positive else size
    if rows.dtype == np.float32:
        fits = np.asarray(target_fits(np.abs(targets).max(axis=0)))
        odd = ~(fits_float32(size) & fits)
        if odd.any():
            wide = rows.astype(np.float64), targets[:, odd].astype(np.float64)
            largest[odd] = _largest(*wide, positive=positive)
    return largest
