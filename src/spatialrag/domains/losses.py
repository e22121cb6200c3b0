"""SemST's losses (Eqs. 10-13) on torch tensors."""

from typing import Any, Literal, get_args

import torch
from torch.nn import functional

from spatialrag.errors import check_choice

_EDGES = 1 << 18  # whose products are computed at a time
Form = Literal["exact", "moments", "sampled"]
FORMS = get_args(Form)
# ln(2 cosh(x / 2)) on [-1, 1] is _FIT[0] + _FIT[1] x² to 6e-4.
_FIT = (0.6937386, 0.1201145)


def zinb_loss(
    counts: torch.Tensor, mean: torch.Tensor, dispersion: torch.Tensor, dropout: torch.Tensor
) -> torch.Tensor:
    """Return the negative log-likelihood of counts, (n, g), summed over nothing (Eq. 10).

    Zero-inflated negative binomial: with probability ``dropout`` a zero, otherwise mean ``mean``
    and variance mean + mean² / ``dispersion``.

    Parameters
    ----------
    counts : (n, g)
        Counts themselves, not scaled.
    mean
        Includes each spot's size factor.
    dispersion
        theta, positive.
    dropout
        In (0, 1).
    """
    total = dispersion + mean
    log_theta = dispersion * (torch.log(dispersion) - torch.log(total))
    log_kept = torch.log1p(-dropout)
    found = torch.logaddexp(torch.log(dropout), log_kept + log_theta)
    # Most counts are 0: the gamma functions are needed for the others alone.
    at = counts.nonzero(as_tuple=True)
    count, theta = counts[at], dispersion[at]
    positive = (
        torch.lgamma(count + theta)
        - torch.lgamma(theta)
        - torch.lgamma(count + 1)
        + log_theta[at]
        + count * (torch.log(mean[at]) - torch.log(total[at]))
    )
    return -found.index_put(at, log_kept[at] + positive)


def correlation_reduction(
    first: torch.Tensor, second: torch.Tensor, *, diagonal_apart: bool = False
) -> torch.Tensor:
    """Return mean (C − I)², C the cosines between columns of two views (n, p) (Eqs. 11-12).

    With ``diagonal_apart``, the mean over the diagonal plus the mean over the rest, as in the
    published code: the diagonal then weighs p − 1 times more.
    """
    cosine = functional.normalize(first, dim=0).T @ functional.normalize(second, dim=0)
    own = torch.eye(len(cosine), dtype=cosine.dtype, device=cosine.device)
    squares = (cosine - own).square()
    if not diagonal_apart:
        return squares.mean()
    diagonal = squares.diagonal()
    return diagonal.mean() + (squares.sum() - diagonal.sum()) / max(
        squares.numel() - len(diagonal), 1
    )


def spatial_regularization(
    latent: torch.Tensor,
    edges: torch.Tensor,
    *,
    form: Form = "moments",
    balanced: bool = True,
    n_sampled: int = 10,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Return how badly cosines of latent vectors tell neighbors from others (Eq. 13).

    −log s(psi) over neighbors, −log(1 − s(psi)) over all other pairs of different spots; s is the
    sigmoid.

    Parameters
    ----------
    latent : (n, d)
    edges : (2, n_edges)
        Neighbors, in both directions, without self loops.
    form
        ``exact``: all pairs, n² memory. ``moments``: the pairs' sum from first and second moments
        of the unit vectors, n d memory; the odd part of softplus is exact, the even part fitted.
        ``sampled``: ``n_sampled`` partners per spot drawn from ``generator``, unbiased.
    balanced
        Mean over neighbors plus mean over other pairs. Otherwise the sum of Eq. 13 divided by n²,
        in which neighbors weigh only their share of all pairs.
    n_sampled, generator
        See ``form``.
    """
    check_choice(form, FORMS, name="form of the loss")
    unit = functional.normalize(latent, dim=1)
    n, n_edges = len(unit), edges.shape[1]
    near = _EdgeProducts.apply(unit, edges)
    attraction = functional.softplus(-near).sum()
    n_others = n * (n - 1) - n_edges
    if form == "sampled":
        everyone = _sampled(unit, n_sampled, generator)
    else:
        everyone = _exact(unit) if form == "exact" else _moments(unit)
    repulsion = everyone - functional.softplus(near).sum()
    if balanced:
        return attraction / max(n_edges, 1) + repulsion / max(n_others, 1)
    return (attraction + repulsion) / n**2


class _EdgeProducts(torch.autograd.Function):
    """Products of the vectors at both ends of each edge, in memory for edges, not edges times d."""

    @staticmethod
    def forward(
        context: torch.autograd.function.FunctionCtx, unit: torch.Tensor, edges: torch.Tensor
    ) -> torch.Tensor:
        context.save_for_backward(unit, edges)
        parts = [(unit[e[0]] * unit[e[1]]).sum(dim=1) for e in edges.split(_EDGES, dim=1)]
        return torch.cat(parts) if parts else unit.new_zeros(0)

    @staticmethod
    def backward(
        context: Any,  # torch's stubs know no number of saved tensors
        gradient: torch.Tensor,
    ) -> tuple[torch.Tensor, None]:
        unit, edges = context.saved_tensors
        weights = torch.sparse_coo_tensor(
            torch.cat([edges, edges.flip(0)], dim=1),
            torch.cat([gradient, gradient]),
            (len(unit), len(unit)),
            check_invariants=False,
        )
        return torch.sparse.mm(weights, unit), None


def _exact(unit: torch.Tensor) -> torch.Tensor:
    """Return the sum of softplus(psi) over pairs of different spots."""
    return (
        functional.softplus(unit @ unit.T).sum()
        - functional.softplus(unit.square().sum(dim=1)).sum()
    )


def _moments(unit: torch.Tensor) -> torch.Tensor:
    # softplus(x) = x / 2 + ln(2 cosh(x / 2)); Σ psi = ‖Σ h‖², Σ psi² = ‖H'H‖².
    n = len(unit)
    constant, curvature = _FIT
    first, second = unit.sum(dim=0).square().sum(), (unit.T @ unit).square().sum()
    own = unit.square().sum(dim=1)
    pairs = constant * n * (n - 1) + 0.5 * (first - own.sum())
    return pairs + curvature * (second - own.square().sum())


def _sampled(unit: torch.Tensor, n_sampled: int, generator: torch.Generator | None) -> torch.Tensor:
    n = len(unit)
    shape = (n, n_sampled)
    # A shift of 1 to n − 1 never hits the spot itself.
    shift = torch.randint(1, n, shape, generator=generator, device=unit.device)
    partner = (torch.arange(n, device=unit.device)[:, None] + shift) % n
    cosine = torch.einsum("nd,nqd->nq", unit, unit[partner])
    return functional.softplus(cosine).sum() * (n - 1) / n_sampled
