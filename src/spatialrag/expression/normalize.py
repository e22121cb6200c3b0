"""The three expression scales, and how one becomes another."""

from typing import Literal, TypeAlias, cast, get_args

import numpy as np
from scipy import sparse

from spatialrag.errors import InputError, check_choice

Scale = Literal["counts", "log1p", "log1p_cp10k"]
SCALES = get_args(Scale)
SIZE_FACTOR = 1e4

Matrix: TypeAlias = sparse.csr_matrix | np.ndarray


def check_scale(scale: object) -> Scale:
    """Return the scale when it is known, else raise `InputError`."""
    check_choice(scale, SCALES, name="expression scale")
    return cast(Scale, scale)


def to_scale(
    matrix: Matrix, *, stored: Scale, wanted: Scale, totals: np.ndarray | None = None
) -> Matrix:
    """Return expression on another scale, float32.

    Parameters
    ----------
    matrix : (n_spots, n_genes)
        Expression on the scale ``stored``; sparse stays sparse.
    stored, wanted
        ``counts``; ``log1p`` = ln(1 + counts); ``log1p_cp10k`` = ln(1 + 10⁴ counts / totals).
    totals : (n_spots,), optional
        Depth of each spot over *all* its measured genes; row sums when not given. Rows with a
        total of 0 stay 0.

    Raises
    ------
    InputError
        The scales cannot be converted: only counts, and log1p back to counts, can. A value has no
        logarithm: a model's, before it was raised to 0.

    Examples
    --------
    >>> to_scale(np.array([[0.0, 1.0]]), stored="counts", wanted="log1p").round(3).tolist()
    [[0.0, 0.6930000185966492]]
    """
    check_scale(stored)
    check_scale(wanted)
    if stored == wanted:
        return matrix.astype(np.float32)
    if stored == "log1p":
        matrix = _elementwise(matrix.astype(np.float64), np.expm1)
        return to_scale(matrix, stored="counts", wanted=wanted, totals=totals)
    if stored == "log1p_cp10k":
        raise InputError(
            f"expression stored as log1p_cp10k cannot become {wanted}: the depth is gone",
            expected="one expression scale for bank, query and truth",
            fix="start from counts, or use scale='log1p_cp10k' throughout",
        )
    matrix = matrix.astype(np.float64)
    if wanted == "log1p_cp10k":
        totals = np.asarray(matrix.sum(axis=1)).ravel() if totals is None else totals
        factor = SIZE_FACTOR / np.where(totals > 0, totals, np.inf)
        dense = isinstance(matrix, np.ndarray)
        matrix = matrix * factor[:, None] if dense else sparse.diags(factor) @ matrix
    values = np.asarray(matrix if isinstance(matrix, np.ndarray) else matrix.data)
    if (values <= -1).any():
        raise InputError(
            f"{(values <= -1).sum()} values have no {wanted}",
            expected="expression of 0 or more (its logarithm is undefined from -1 downwards)",
            got=f"values down to {values.min():.3g} on the scale {stored}",
            fix="raise a model's predictions to 0 first (GeneRAG: clip_initial=True)",
        )
    return _elementwise(matrix, np.log1p).astype(np.float32)


def _elementwise(matrix: Matrix, function: np.ufunc) -> Matrix:
    if isinstance(matrix, np.ndarray):
        return cast(np.ndarray, function(matrix))
    result = matrix.tocsr(copy=True)
    result.data = function(result.data)
    return result
