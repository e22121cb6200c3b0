"""Small sparse regressions solved exactly, many at once, on their Gram matrices.

Two active-set methods share one linear solve. Each variable is inactive (0) or active with a sign.

1. Block principal pivoting (Kim & Park, SIAM J. Sci. Comput. 33, 2011): solve the active block,
   exchange every variable that contradicts its state, repeat. A handful of steps, no guarantee.
2. Where that stops making progress: descent with one entering variable per step (Lawson & Hanson
   1974 for a ≥ 0; feature-sign search, Lee et al., NIPS 2006, for free sign). Monotone and finite.
"""

import numpy as np
from scipy import linalg

_PATIENCE = 3  # full exchanges allowed without fewer contradictions


def solve_gram(
    gram: np.ndarray,
    linear: np.ndarray,
    l1: np.ndarray,
    start: np.ndarray,
    *,
    positive: bool,
    max_steps: int = 2000,
) -> np.ndarray:
    """Minimise ½ a'G a − c'a + l1 ‖a‖₁ for a batch of problems.

    Parameters
    ----------
    gram : (n, w, w)
        Positive definite Gram matrices, l2 already on the diagonal. In the padding only the
        diagonal may be non-zero.
    linear : (n, w)
        c = D'b; 0 in the padding.
    l1 : (n,)
    start : (n, w)
        Weights to start from.
    positive
        Whether weights must be non-negative.
    max_steps
        Steps before a problem is returned as it stands; the caller's certificate decides.

    Returns
    -------
    numpy.ndarray
        Weights, (n, w).
    """
    weights = start.copy()
    state = np.sign(start).astype(np.int8)
    fewest = np.full(len(linear), linear.shape[1] + 1)
    patience = np.full(len(linear), _PATIENCE)
    open_ = np.arange(len(linear))
    stuck = []
    while len(open_):
        x = _solve_active(gram, open_, linear[open_], l1[open_], state[open_])
        enters, signs = _entering(gram, open_, linear[open_], l1[open_], state[open_], x, positive)
        leaves = x * state[open_] < 0
        state[open_] = np.where(enters, signs, np.where(leaves, 0, state[open_]))
        count = (enters | leaves).sum(axis=1)
        solved = count == 0
        weights[open_[solved]] = x[solved]
        patience[open_] = np.where(count < fewest[open_], _PATIENCE, patience[open_] - 1)
        fewest[open_] = np.minimum(fewest[open_], count)
        stuck.append(open_[~solved & (patience[open_] < 0)])
        open_ = open_[~solved & (patience[open_] >= 0)]
    for part in stuck:
        if len(part):
            weights[part] = _descend(
                gram[part], linear[part], l1[part], start[part], positive, max_steps
            )
    return weights


def _descend(
    gram: np.ndarray,
    linear: np.ndarray,
    l1: np.ndarray,
    start: np.ndarray,
    positive: bool,
    max_steps: int,
) -> np.ndarray:
    x, state = start.copy(), np.sign(start).astype(np.int8)
    open_ = np.arange(len(linear))
    for _ in range(max_steps):
        target = _solve_active(gram, open_, linear[open_], l1[open_], state[open_])
        now, crosses = x[open_], target * state[open_] < 0
        # As far as the first weight that would change sign; that weight becomes inactive.
        ratio = np.divide(now, now - target, out=np.full_like(now, np.inf), where=crosses)
        step = np.minimum(ratio.min(axis=1), 1.0)[:, None]
        stops = crosses & (ratio <= step)
        x[open_] = np.where(stops, 0.0, now + step * (target - now))
        state[open_] = np.where(stops, 0, state[open_])
        whole = ~crosses.any(axis=1)
        asked = open_[whole]
        enters, signs = _entering(
            gram, asked, linear[asked], l1[asked], state[asked], x[asked], positive
        )
        slope = np.where(enters, np.abs(linear[asked] - _apply(gram, asked, x[asked])), -np.inf)
        first = slope.argmax(axis=1)
        any_ = enters.any(axis=1)
        state[asked[any_], first[any_]] = signs[any_, first[any_]]
        open_ = np.setdiff1d(open_, asked[~any_], assume_unique=True)
        if len(open_) == 0:
            break
    return x


def _apply(gram: np.ndarray, which: np.ndarray, x: np.ndarray) -> np.ndarray:
    # One product at a time: indexing the stack would copy all of it.
    product = np.empty_like(x)
    for row, problem in enumerate(which):
        product[row] = gram[problem] @ x[row]
    return product


def _solve_active(
    gram: np.ndarray, which: np.ndarray, linear: np.ndarray, l1: np.ndarray, state: np.ndarray
) -> np.ndarray:
    """Solve G x = c − l1 s on the active block of problems ``which``; the rest of x stays 0."""
    x = np.zeros_like(linear)
    for row, problem in enumerate(which):
        active = np.flatnonzero(state[row])
        if len(active) == 0:
            continue
        block = gram[problem][np.ix_(active, active)]
        right = linear[row, active] - l1[row] * state[row, active]
        x[row, active] = linalg.solve(
            block, right, assume_a="pos", overwrite_a=True, overwrite_b=True, check_finite=False
        )
    return x


def _entering(
    gram: np.ndarray,
    which: np.ndarray,
    linear: np.ndarray,
    l1: np.ndarray,
    state: np.ndarray,
    x: np.ndarray,
    positive: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Return which inactive variables violate optimality, and the signs they would take."""
    slope = linear - _apply(gram, which, x)
    noise = 1e-11 * np.maximum(np.maximum(np.abs(linear).max(axis=1), l1), 1e-300)
    violation = (slope if positive else np.abs(slope)) - l1[:, None]
    enters = (state == 0) & (violation > noise[:, None])
    return enters, np.where(enters, np.sign(slope), 0).astype(np.int8)
