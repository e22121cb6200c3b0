"""Expression values as a matrix, and what is refused on each scale, alike in every reader."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag.errors import InputError, listing
from spatialrag.expression.normalize import SIZE_FACTOR, Scale, check_scale

_ROUNDING = 1e-3  # of logs, and of sums of counts per 10,000
_LOOK = 20_000  # values looked at where every layer of a file is


def as_matrix(values: object, *, subject: str) -> sparse.csr_matrix:
    """Return expression as CSR float32, whatever form it has: dense, sparse, backed by a file.

    Parameters
    ----------
    values : (n_spots, n_genes)
    subject
        What they are, for messages: ``X of 'S1'``.

    Raises
    ------
    InputError
        There are none, they are not numbers, or too large for float32.
    """
    found = _in_memory(values)
    if found is None:
        raise InputError(f"{subject} is empty", expected="expression, spots x genes")
    if isinstance(found, pd.DataFrame):
        found = found.to_numpy()
    if not sparse.issparse(found):
        found = np.asarray(found)
    if found.ndim != 2 or found.dtype.kind not in "biuf":
        raise InputError(
            f"{subject} is no matrix of numbers",
            expected="numbers, (n_spots, n_genes)",
            got=f"{found.dtype}, shape {found.shape}",
        )
    with np.errstate(over="ignore"):
        matrix = sparse.csr_matrix(found, dtype=np.float32)
    matrix.sum_duplicates()
    return matrix


def check_values(matrix: sparse.csr_matrix, *, scale: Scale, subject: str, fix: str = "") -> None:
    """Raise `InputError` when values cannot be expression on the scale they are said to be on.

    On every scale: missing, infinite, negative. Counts: fractions. ``log1p_cp10k``: values above
    ln(10,001), or spots whose counts per 10,000 add up to more than that.

    Parameters
    ----------
    matrix : CSR (n_spots, n_genes)
    scale
        What is stated, or ``counts`` where nothing is.
    subject
        As in `as_matrix`.
    fix
        What to do, where more is known than which values are wrong.
    """
    fault = value_fault(matrix, scale=scale)
    if fault and scale == "counts":
        raise InputError(
            f"{subject} does not hold counts, and its scale is not stated",
            expected="whole numbers of molecules, 0 and above, or a stated scale",
            got=fault,
            fix=fix or "give counts, or state scale='log1p' or 'log1p_cp10k' (natural logarithm)",
        )
    if fault:
        raise InputError(
            f"{subject} is not {scale}",
            expected="finite numbers, 0 and above; log1p_cp10k = ln(1 + 10,000 counts / depth)",
            got=fault,
            fix="state the scale these values are on, or give counts",
        )


def value_fault(matrix: sparse.csr_matrix, *, scale: Scale) -> str:
    """Return what values cannot be expression on a scale, in words; empty when all can.

    Parameters
    ----------
    matrix : CSR (n_spots, n_genes)
    scale
        ``counts``, ``log1p`` or ``log1p_cp10k``.
    """
    check_scale(scale)
    data = matrix.data
    if not np.isfinite(data).all():
        return f"{int((~np.isfinite(data)).sum())} values of NaN or inf"
    if (data < 0).any():
        return f"negative values (lowest {data.min():g}): scaled or corrected ones?"
    if scale == "counts" and (data % 1 != 0).any():
        fractions = data[data % 1 != 0]
        hint = ", logarithms?" if data.max() < 20 else ""
        share = len(fractions) / len(data)
        return f"fractions ({share:.0%} of the values, e.g. {fractions[0]:g}{hint})"
    return _too_large(matrix) if scale == "log1p_cp10k" else ""


def holds_counts(values: object) -> bool:
    """Return whether a matrix looks like counts: whole numbers, 0 and above, some of them."""
    found = _in_memory(values)
    if found is None:
        return False
    data = np.ravel(found.data if sparse.issparse(found) else np.asarray(found))
    if data.dtype.kind not in "biuf" or not data.size:
        return False
    some = data[: _LOOK * 50 : max(1, min(len(data) // _LOOK, 50))].astype(np.float64)
    return bool(np.isfinite(some).all() and (some >= 0).all() and not (some % 1).any())


def matrices_with_counts(matrices: Mapping[str, object]) -> str:
    """Return the names of those matrices that look like counts, for advice; empty if none."""
    return listing([name for name, values in matrices.items() if holds_counts(values)], 8)


def _in_memory(values: Any) -> Any:
    """Return what a file stands behind as an array or sparse matrix."""
    if hasattr(values, "to_memory"):  # sparse, backed by a file
        return values.to_memory()
    if hasattr(values, "shape") and type(values).__module__.partition(".")[0] in ("h5py", "zarr"):
        return values[...]
    return values


def _too_large(matrix: sparse.csr_matrix) -> str:
    """Return what cannot be ln(1 + counts per 10,000), or nothing."""
    limit = np.log1p(SIZE_FACTOR) + _ROUNDING
    if len(matrix.data) and matrix.data.max() > limit:
        return f"values up to {matrix.data.max():g}, where logarithms of this scale end at 9.21"
    linear = matrix.astype(np.float64)
    linear.data = np.expm1(linear.data)
    sums = np.asarray(linear.sum(axis=1)).ravel()
    if len(sums) and sums.max() > SIZE_FACTOR * 1.05:
        return (
            f"spots whose counts per 10,000 add up to {sums.max():.0f}: logarithms of another "
            "base, or to another depth than 10,000"
        )
    return ""
