"""The inner loops on torch tensors: all queries of a round at once.

The algorithm is that of `NumpyKernels`. Small problems are padded to one size and solved together
in float64, by the same block pivoting; the few that it cannot finish are handed to `Gram.solve`,
and those whose columns are ill-conditioned to `SmallProblem.solve`, from then on.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from spatialrag.solvers.designs import ArrayDesign, Design
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.working_set.pivoting import UNEVEN, Gram, NotPositiveDefiniteError
from spatialrag.solvers.working_set.products import BlockResult, Pairs
from spatialrag.solvers.working_set.small import SmallProblem

_ELEMENTS = 1 << 27  # float64 values of gathered references held at a time
_STEPS = 40  # of block pivoting; more are rarely needed
_CURVATURE = 1e-8  # as in `small`
_NOISE = 1e-12  # as in `pivoting`


class TorchKernels:
    """Products and small problems on a torch device.

    Parameters
    ----------
    device
        As torch names it.
    """

    def __init__(self, device: str) -> None:
        """Hold nothing until a design is seen."""
        self._device = torch.device(device)
        self._bank: tuple[Design, torch.Tensor] | None = None
        self.products = partial(TorchProducts, self)

    def extend(self, small: SmallProblem, design: Design, references: np.ndarray) -> None:
        """Add references to a working set; their rows are gathered when it is solved."""
        if small.refined:
            small.extend(design, references)
        else:
            small.enlist(references)

    def refine(self, small: SmallProblem, design: Design) -> bool:  # noqa: ARG002
        """Return False: all is in float64 from the start."""
        return False

    def solve(self, smalls: Sequence[SmallProblem], design: Design) -> None:
        """Solve queries together, as many as fit in memory."""
        for small in smalls:
            if small.refined or small.sharpened:
                _solve_here(small, design)
        smalls = [s for s in smalls if not s.refined and self._has_members(s, design)]
        smalls.sort(key=lambda small: len(small.members))
        start = 0
        while start < len(smalls):
            stop = start + 1
            m = design.shape[0]
            while (
                stop < len(smalls)
                and (stop + 1 - start) * len(smalls[stop].members) * m <= _ELEMENTS
            ):
                stop += 1
            self._solve_together(smalls[start:stop], design)
            start = stop

    def rows(self, design: Design, references: np.ndarray) -> torch.Tensor:
        """Return rows of some references on the device, float32 or float64."""
        whole = self._whole(design)
        if whole is None:
            return self.tensor(design.take(references))
        return whole[self.tensor(references)]

    def block(self, design: Design, references: np.ndarray, rows: np.ndarray) -> torch.Tensor:
        """Return a block of references on the device; ``rows`` are the same on the host."""
        whole = self._whole(design)
        if whole is None:
            return self.tensor(rows)
        if references[-1] - references[0] == len(references) - 1:
            part = whole[references[0] : references[-1] + 1]
        else:
            part = whole[self.tensor(references)]
        return part.to(torch.from_numpy(rows[:0]).dtype)

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        """Return an array on the device."""
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)

    def _whole(self, design: Design) -> torch.Tensor | None:
        if not isinstance(design, ArrayDesign):
            return None
        if self._bank is None or self._bank[0] is not design:
            self._bank = (design, self.tensor(design.rows))
        return self._bank[1]

    def _has_members(self, small: SmallProblem, design: Design) -> bool:
        if len(small.members) == 0:
            small.place(design, small.weights)
        return len(small.members) > 0

    def _solve_together(self, smalls: list[SmallProblem], design: Design) -> None:
        n, w = len(smalls), max(len(small.members) for small in smalls)
        members, own = np.zeros((n, w), np.int64), np.zeros((n, w), bool)
        weights_before = np.zeros((n, w))
        for i, small in enumerate(smalls):
            size = len(small.members)
            members[i], own[i, :size] = small.members[0], True  # padded with a member
            members[i, :size] = small.members
            weights_before[i, :size] = small.weights
        rows = self.rows(design, members.ravel()).double().reshape(n, w, -1)
        valid = self.tensor(own)
        rows *= valid[:, :, None]
        terms = [small.terms for small in smalls]
        weights = self.tensor(np.broadcast_to(terms[0].row_weights, rows.shape[-1:]).copy())
        target = self.tensor(np.stack([small.target for small in smalls]))
        gram = (rows * weights) @ rows.mT
        linear = torch.einsum("nwm,nm->nw", rows, target * weights)
        l1, l2 = (self.tensor(np.array([getattr(t, k) for t in terms])) for k in ("l1", "l2"))
        peak = gram.diagonal(dim1=1, dim2=2).amax(dim=1)
        proximal = (_CURVATURE * peak - l2).clamp_min(0)
        start = self.tensor(weights_before)
        shifted = linear + proximal[:, None] * start
        positive = terms[0].positive
        x, failed = _pivot(gram, shifted, l2 + proximal, l1, start, valid, positive=positive)
        squares = gram.diagonal(dim1=1, dim2=2)
        shortest = torch.where(valid, squares, peak[:, None]).amin(dim=1)
        failed |= (proximal > 0) & (shortest < UNEVEN * peak)
        residual = target - torch.einsum("nw,nwm->nm", x, rows)
        slope = torch.einsum("nwm,nm->nw", rows, residual * weights)
        found = (_host(t) for t in (failed, x, residual, slope))
        for small, unsolved, answer, r, s in zip(smalls, *found, strict=True):
            if unsolved:
                _solve_here(small, design)
                continue
            active = np.flatnonzero(answer)
            small.adopt(active, answer[active], r, s[active])


def _solve_here(small: SmallProblem, design: Design) -> None:
    """Solve a query on the CPU, in float64."""
    small.refine(design)
    small.solve(design)


def _pivot(
    gram: torch.Tensor,
    linear: torch.Tensor,
    ridge: torch.Tensor,
    l1: torch.Tensor,
    start: torch.Tensor,
    valid: torch.Tensor,
    *,
    positive: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return minimisers of ½ a'(G + ridge I) a − c'a + l1 ‖a‖₁, (n, w); see `Gram.solve`.

    The second answer, (n,) bool, is where an active block could not be factored.
    """
    state, x = start.sign(), torch.zeros_like(start)
    failed = torch.zeros(len(gram), dtype=torch.bool, device=gram.device)
    open_ = torch.arange(len(gram), device=gram.device)
    noise = _NOISE * torch.maximum(linear.abs().amax(dim=1), l1)
    for _ in range(_STEPS):
        own = state[open_]
        x[open_], failed[open_] = _on(gram[open_], linear[open_], ridge[open_], l1[open_], own)
        slope = linear[open_] - torch.einsum("nvw,nw->nv", gram[open_], x[open_])
        size = slope if positive else slope.abs()
        enters = (own == 0) & valid[open_] & (size > (l1 + noise)[open_, None])
        leaves = x[open_] * own < 0
        state[open_] = torch.where(enters, slope.sign(), torch.where(leaves, 0.0, own))
        open_ = open_[(enters | leaves).any(dim=1) & ~failed[open_]]
        if len(open_) == 0:
            return x, failed
    for query in open_.tolist():
        width = int(valid[query].sum())
        problem = Gram(
            _host(gram[query, :width, :width]),
            _host(linear[query, :width]),
            float(ridge[query]),
            float(l1[query]),
            positive,
        )
        try:
            active = problem.solve(_host(start[query, :width]))
        except NotPositiveDefiniteError:
            failed[query] = True
            continue
        x[query] = 0
        x[query, torch.from_numpy(active.references).to(x.device)] = torch.from_numpy(
            active.weights
        ).to(x.device)
    return x, failed


def _on(
    gram: torch.Tensor,
    linear: torch.Tensor,
    ridge: torch.Tensor,
    l1: torch.Tensor,
    state: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Solve (G + ridge I) a = c − l1 s on the active blocks; say which could not be factored."""
    active = (state != 0).double()
    block = gram * active[:, :, None] * active[:, None, :]
    block.diagonal(dim1=1, dim2=2).add_(1 - active + ridge[:, None] * active)
    right = (linear - l1[:, None] * state) * active
    factor, fault = torch.linalg.cholesky_ex(block)
    return torch.cholesky_solve(right[:, :, None], factor)[:, :, 0], fault > 0


class TorchProducts:
    """Products of the bank with residuals, on the device."""

    def __init__(
        self,
        kernels: TorchKernels,
        problem: Problem,
        queries: np.ndarray,
        residual: np.ndarray,
        weighted: Pairs,
        starts: np.ndarray,
    ) -> None:
        """Take the residuals, (n, m), of the named queries, and where their groups start."""
        self._kernels, self._problem, self._weighted = kernels, problem, weighted
        self._l1 = kernels.tensor(problem.l1[queries])
        self._residual = kernels.tensor(residual)
        self._queries = queries
        self._sizes = np.diff([*starts, len(queries)]).tolist()

    def unit(self, dtype: np.dtype) -> float:
        """Return half the spacing at 1, of TF32 where the process allows it."""
        if dtype == np.float32 and torch.backends.cuda.matmul.allow_tf32:
            return 2.0**-11
        return float(np.finfo(dtype).eps) / 2

    def __call__(
        self,
        references: np.ndarray,
        rows: np.ndarray,
        lowest: np.ndarray,
        cut: np.ndarray,  # noqa: ARG002  the sums are cheap here
        keep: int,
    ) -> BlockResult:
        """Look at one block."""
        block = self._kernels.block(self._problem.references, references, rows)
        above = self._residual.to(block.dtype) @ block.mT
        if not self._problem.positive:
            above.abs_()
        low = self._kernels.tensor(lowest)
        above -= low.to(block.dtype)[:, None]
        self._strike(above, references)
        by_group = torch.stack([part.amax(dim=0) for part in above.split(self._sizes)])
        query, column = (self._kernels.tensor(a) for a in self._weighted.within(references))
        above[query, column] = -torch.inf
        over = (above + (low - self._l1).to(block.dtype)[:, None]).clamp_min(0)
        excess = over.double().square().sum(dim=1)
        top = above.topk(min(keep, above.shape[1]), dim=1)
        kept = _host(top.values) > 0
        rank = np.nonzero(kept)
        return BlockResult(
            _host(by_group),
            _host(top.values[:, 0]).astype(np.float64),
            _host((above > 0).sum(dim=1)),
            _host(excess),
            rank[0],
            _host(top.indices)[rank],
            _host(top.values)[rank].astype(np.float64),
        )

    def _strike(self, above: torch.Tensor, references: np.ndarray) -> None:
        left_out = self._problem.left_out(self._queries, references)
        above[tuple(self._kernels.tensor(a) for a in left_out)] = -torch.inf
        if self._problem.banned is None:
            return
        groups = self._problem.groups
        labels = self._kernels.tensor(references if groups is None else groups[references])
        for banned in self._kernels.tensor(self._problem.banned[self._queries]).T:
            above[banned[:, None] == labels] = -torch.inf


def _host(tensor: torch.Tensor) -> np.ndarray:
    return tensor.cpu().numpy()
