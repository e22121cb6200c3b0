"""Primal value, duality gap and the conversion from other people's settings.

The gap bounds how far a primal value is from the optimum, whoever computed it. Two dual points are
tried for weights ``a`` with residual r = b − D a, and the better one is used:

* the scaled residual s (r, −√l2 a) of the augmented lasso, feasible for
  s = min(1, l1 / max_i (d_i'r − l2 a_i)) (absolute values for free sign);
* for l2 > 0, the elastic net's own dual ½‖b‖² − ½‖b − r‖² − Σ_i (|d_i'r| − l1)₊² / (2 l2).
"""

import numpy as np
from scipy import sparse

from spatialrag.solvers.precision import LEAST_L2
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.solution import Solution, Status, is_reached

_BLOCK = 8192  # references per float64 block: bounds memory on float32 designs


def correlate(problem: Problem, residual: np.ndarray) -> np.ndarray:
    """Return D'r for all queries in float64, (n_references, n_queries); rows are weighted."""
    weighted = residual * problem.row_weights[:, None]
    result = np.empty((problem.n_references, residual.shape[1]))
    for references, rows in problem.references.blocks(_BLOCK):
        np.matmul(
            rows.astype(np.float64, copy=False), weighted, out=result[references[0] :][: len(rows)]
        )
    return result


def residuals(problem: Problem, weights: sparse.csr_matrix, queries: np.ndarray) -> np.ndarray:
    """Return b − D a in float64, (m, len(queries)); ``weights`` are those queries'."""
    used = np.unique(weights.indices)
    problem.references.hold(used)
    fitted = weights[:, used] @ problem.references.take(used).astype(np.float64, copy=False)
    return problem.targets[:, queries].astype(np.float64) - fitted.T


def primal_and_gap(
    problem: Problem,
    weights: sparse.csr_matrix,
    residual: np.ndarray,
    correlation: np.ndarray,
    queries: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the primal values and duality gaps of the named queries.

    Parameters
    ----------
    weights : CSR (len(queries), n_references)
    residual : (m, len(queries))
        b − D a.
    correlation : (n_references, len(queries))
        D'r, from `correlate`; 0 where a reference is banned.

    Returns
    -------
    primal, gap : (len(queries),)
        The gap is inf where weights are not finite.
    """
    l1, l2 = problem.l1[queries], problem.l2[queries]
    target = problem.targets[:, queries].astype(np.float64)
    squares = _square_sum(weights)
    rows = problem.row_weights
    r_squares = np.einsum("i,ij,ij->j", rows, residual, residual)
    b_squares = np.einsum("i,ij,ij->j", rows, target, target)
    primal = (
        0.5 * r_squares + 0.5 * l2 * squares + l1 * np.asarray(abs(weights).sum(axis=1)).ravel()
    )
    # Scaled residual of the augmented lasso.
    slope = correlation - (weights.multiply(l2[:, None])).T.toarray()
    peak = (slope if problem.positive else np.abs(slope)).max(axis=0)
    scale = np.divide(l1, peak, out=np.ones_like(l1), where=~(peak <= l1))
    product = np.einsum("i,ij,ij->j", rows, target, residual)
    # ½‖b‖² − ½‖b − s r‖² expanded, so that nothing of size m x n is formed.
    dual = scale * product - 0.5 * scale**2 * (r_squares + l2 * squares)
    # The elastic net's own dual.
    excess = (correlation if problem.positive else np.abs(correlation)) - l1
    excess_squares = np.square(np.maximum(excess, 0)).sum(axis=0)
    has_l2 = l2 > LEAST_L2
    with np.errstate(over="ignore"):
        penalty = np.divide(excess_squares, 2 * l2, out=np.full_like(l2, np.inf), where=has_l2)
    dual = np.maximum(dual, product - 0.5 * r_squares - penalty)
    dual = np.minimum(dual, 0.5 * b_squares)
    gap = np.maximum(primal - dual, 0.0)
    return primal, np.where(np.isnan(gap), np.inf, gap)


def certify(
    problem: Problem, weights: sparse.csr_matrix, tol: float, rounds: np.ndarray
) -> Solution:
    """Return weights, whoever computed them, as a `Solution` with their certificate.

    Parameters
    ----------
    weights : CSR (n_queries, n_references)
    tol
        Relative gap at which a query counts as converged.
    rounds : (n_queries,)
        What the solution reports as rounds.
    """
    queries = np.arange(problem.n_queries)
    residual = residuals(problem, weights, queries)
    correlation = correlate(problem, residual)
    problem.mask_banned(correlation.T, queries, np.arange(problem.n_references), 0.0)
    objective, gap = primal_and_gap(problem, weights, residual, correlation, queries)
    reached = is_reached(gap, objective, tol)
    status = np.where(reached, Status.CONVERGED.value, Status.ROUNDS.value)
    return Solution(weights, gap, objective, rounds, status)


def _square_sum(weights: sparse.csr_matrix) -> np.ndarray:
    return np.asarray(weights.multiply(weights).sum(axis=1)).ravel()


def from_sklearn(alpha: float, l1_ratio: float, m: int) -> dict[str, float]:
    """Convert scikit-learn's ElasticNet settings to Eq. 1's and to this solver's.

    scikit-learn minimises ‖b − D a‖²/(2M) + alpha l1_ratio ‖a‖₁ + alpha (1 − l1_ratio)/2 ‖a‖²
    over M stacked rows. Multiplied by 2M this is Eq. 1 with

        strength = M alpha (1 + l1_ratio),   ridge_share = (1 − l1_ratio) / (1 + l1_ratio),

    and multiplied by M it is `Problem` with l1 = M alpha l1_ratio, l2 = M alpha (1 − l1_ratio).

    Parameters
    ----------
    alpha, l1_ratio
        scikit-learn's settings.
    m
        Rows of the stacked design.

    Examples
    --------
    >>> found = from_sklearn(alpha=0.01, l1_ratio=0.9, m=1580)
    >>> round(found["strength"], 2), round(found["ridge_share"], 4)
    (30.02, 0.0526)
    """
    return {
        "strength": m * alpha * (1 + l1_ratio),
        "ridge_share": (1 - l1_ratio) / (1 + l1_ratio),
        "l1": m * alpha * l1_ratio,
        "l2": m * alpha * (1 - l1_ratio),
    }


def penalties(strength: np.ndarray, ridge_share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the solver's (l1, l2) for Eq. 1's strength l and ridge share g.

    Half of Eq. 1 is `Problem` with l1 = (1 − g) l / 2 and l2 = g l.
    """
    strength = np.asarray(strength, np.float64)
    return (1 - ridge_share) * strength / 2, ridge_share * strength
