"""What a `Problem` takes: each check says what was expected, before anything is computed."""

import numbers
from collections.abc import Iterable

import numpy as np
from scipy import sparse

from spatialrag.errors import InputError, listing
from spatialrag.solvers.designs import Design
from spatialrag.solvers.precision import REACH, in_reach

_RANGE = f"0, or absolute values up to {REACH:.1e}, the largest not below {1 / REACH:.1e}"


def real_array(name: str, value: object) -> np.ndarray:
    """Return real numbers as an array.

    Raises
    ------
    InputError
        Sparse or masked input, complex numbers, text, objects.
    """
    if sparse.issparse(value):
        raise InputError(f"the {name} is sparse", expected="a dense array", fix="use .toarray()")
    if np.ma.is_masked(value):
        raise InputError(
            f"the {name} has masked values",
            got=f"{np.ma.count_masked(value)} of them",
            fix="drop or impute them",
        )
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InputError(f"the {name} is no array", got=str(error)) from error
    if array.dtype.kind not in "biuf":
        raise InputError(
            f"the {name} does not hold real numbers",
            expected="float32 or float64",
            got=str(array.dtype),
        )
    if array.dtype.itemsize <= 8:
        return array
    with np.errstate(over="ignore"):  # inf is refused as such
        return array.astype(np.float64)


def check_shapes(design: np.ndarray | Design, targets: np.ndarray) -> None:
    """Check that there are rows, references and queries, and that rows match."""
    if len(design.shape) != 2 or targets.ndim != 2 or design.shape[0] != targets.shape[0]:
        raise InputError(
            "design and targets do not match",
            expected="(m, n_references) and (m, n_queries)",
            got=f"{tuple(design.shape)} and {targets.shape}",
        )
    if design.shape[1] == 0:
        raise InputError("the design has no references", fix="loosen the exclusions")
    if 0 in targets.shape:
        raise InputError(
            "there is nothing to solve", expected="rows and queries", got=f"{targets.shape}"
        )


def check_values(design: np.ndarray | Design, targets: np.ndarray) -> None:
    """Check that values are finite and in reach of float64; a stored design's were already."""
    if isinstance(design, np.ndarray):
        peak = max(abs(float(design.max())), abs(float(design.min())))
        if not np.isfinite(peak):
            raise InputError("the design contains NaN or inf", fix="drop or impute these values")
        if not in_reach(peak):
            raise InputError(
                "the design is beyond what can be squared in float64",
                expected=_RANGE,
                got=f"{peak:.1e}",
                fix="scale it, and the penalties with it",
            )
    high, low = (np.asarray(f(axis=0), np.float64) for f in (targets.max, targets.min))
    peaks = np.maximum(np.abs(high), np.abs(low))
    if not np.isfinite(peaks).all():
        raise InputError("the targets contains NaN or inf", fix="drop or impute these values")
    beyond = np.flatnonzero(~in_reach(peaks))
    if len(beyond):
        raise InputError(
            f"the targets of queries {listing(beyond)} are beyond what can be squared in float64",
            expected=_RANGE,
            got=f"{peaks[beyond[0]]:.1e}",
            fix="scale them, and l1 with them",
        )


def penalty_of(name: str, value: object, n_queries: int) -> np.ndarray:
    """Return a penalty of each query, (n_queries,) float64."""
    given = real_array(name, value)
    if given.ndim > 1 or given.size not in (1, n_queries):
        raise InputError(
            f"{name} does not match the queries",
            expected=f"one number, or ({n_queries},)",
            got=f"{given.shape}",
        )
    penalty = np.broadcast_to(given.astype(np.float64), (n_queries,))
    if not (np.isfinite(penalty).all() and (penalty >= 0).all()):
        raise InputError(f"{name} must be finite and non-negative", got=f"{value}")
    return penalty


def blocks_of(given: Iterable[tuple[int, float]], m: int) -> tuple[tuple[int, float], ...]:
    """Return (rows, weight) of each block of m rows; one block of weight 1 where none is given."""
    try:
        pairs = tuple((rows, weight) for rows, weight in given) or ((m, 1.0),)
    except (TypeError, ValueError):
        pairs = ()
    if (
        not all(_is_whole(rows) and _is_weight(weight) for rows, weight in pairs)
        or sum(rows for rows, _ in pairs) != m
    ):
        raise InputError(
            "the blocks do not cover the design",
            expected=f"(rows, weight) pairs of {m} rows; weights 0, or from {1 / REACH:.1e} "
            f"to {REACH:.1e}",
            got=str(given),
        )
    return pairs


def _is_whole(rows: object) -> bool:
    return isinstance(rows, numbers.Integral) and int(rows) >= 0


def _is_weight(weight: object) -> bool:
    return isinstance(weight, numbers.Real) and float(weight) >= 0 and bool(in_reach(float(weight)))


def labels_of(
    name: str, value: object, n: int, *, columns: bool = False, below: int | None = None
) -> np.ndarray:
    """Return whole numbers, (n,), or (n, k) with ``columns``; -1 is none where ``below`` is given.

    Parameters
    ----------
    below
        They name references: from -1 to one less than this.
    """
    labels = real_array(name, value)
    labels = labels[:, None] if columns and labels.ndim == 1 else labels
    if labels.ndim != 1 + columns or len(labels) != n or labels.dtype.kind not in "iu":
        raise InputError(
            f"{name} does not match the {'queries' if columns else 'references'}",
            expected=f"whole numbers, ({n},)" + f" or ({n}, k)" * columns,
            got=f"{labels.dtype} {labels.shape}",
        )
    if below is not None and labels.size and not (labels.min() >= -1 and labels.max() < below):
        raise InputError(
            f"{name} names references that do not exist",
            expected=f"-1 for none, or 0 to {below - 1}",
            got=f"{labels.min()} to {labels.max()}",
        )
    return labels


def check_left(
    banned: np.ndarray | None, without: np.ndarray | None, labels: np.ndarray, n_queries: int
) -> None:
    """Check that every query is left a reference.

    Parameters
    ----------
    banned, without : (n_queries, k) or None
        Labels, and references, that queries must not use.
    labels : (n_references,)
    """
    nothing = np.empty((n_queries, 0), np.int64)
    banned = nothing if banned is None else banned
    without = nothing if without is None else without
    sizes = np.sort(np.unique(labels, return_counts=True)[1])
    if sizes[::-1][: banned.shape[1]].sum() + without.shape[1] < len(labels):
        return
    bare = []
    for query in range(n_queries):
        left = ~np.isin(labels, banned[query])
        left[without[query][without[query] >= 0]] = False
        if not left.any():
            bare.append(query)
    if bare:
        raise InputError(
            f"no reference is left to queries {listing(bare)}", fix="loosen the exclusions"
        )
