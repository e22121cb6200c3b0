"""The fast exact solver: working sets grown from the optimality violations."""

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.ridge import solve_ridge
from spatialrag.solvers.solution import Solution, Status, join
from spatialrag.solvers.start import start_of
from spatialrag.solvers.working_set.checkpoint import restored, save
from spatialrag.solvers.working_set.kernels import kernels_for
from spatialrag.solvers.working_set.metric import Metric
from spatialrag.solvers.working_set.rounds import Rounds, require_alike
from spatialrag.solvers.working_set.shared import SharedGram, shared_metric


@dataclass(frozen=True)
class WorkingSet:
    """Exact elastic net, lasso and ridge for many queries against one design.

    Parameters
    ----------
    tol
        Largest duality gap relative to the primal value, proven for every query.
    grow
        References added to a query's working set per round, or as many as it cites if these are
        more.
    max_rounds
        Looks at the whole bank before a query is returned with status ``ROUNDS``.
    candidates
        When given, an approximation: each query is solved exactly among this many references, those
        that correlate best with it, and the whole bank is looked at once more, for the
        certificate. Status ``CANDIDATES`` where the tolerance is not reached.
    device
        ``cpu``, or a torch device such as ``cuda``; an error where there is none.

    Examples
    --------
    >>> problem = sr.Problem(np.eye(2), np.array([[2.0], [1.0]]), l1=0.5, l2=0.0)
    >>> solution = sr.WorkingSet(tol=1e-9).solve(problem)
    >>> solution.weights.toarray().round(6).tolist()
    [[1.5, 0.5]]
    """

    tol: float = 1e-6
    grow: int = 50
    max_rounds: int = 60
    candidates: int | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not self.tol > 0:
            raise InputError("tol must be positive", got=str(self.tol))
        for name in ("grow", "max_rounds", "candidates"):
            value = getattr(self, name)
            if value is None and name == "candidates":
                continue
            if not isinstance(value, numbers.Integral) or value < 1:
                raise InputError(f"{name} must be a whole number of at least 1", got=str(value))

    def solve(
        self,
        problem: Problem,
        *,
        start: sparse.csr_matrix | None = None,
        checkpoint: str | Path | None = None,
    ) -> Solution:
        """Solve every query of the problem.

        Signed problems without an l1 part have dense answers and go through the m x m dual. Many
        queries on few references share one Gram matrix (`shared`), where that is well-posed.

        Parameters
        ----------
        problem
            What to solve.
        start : CSR (n_queries, n_references), optional
            Weights near the answer; what a query may not use of them is left out.
        checkpoint
            A file written after every look at the bank and removed at the end. Where it exists,
            the solve goes on from there. Not used by dense answers; others are then solved on
            working sets.

        Raises
        ------
        InputError
            The checkpoint is another problem's, or ``start`` has another shape.
        """
        if start is not None:
            start = start_of(problem, start)
        dense = _is_dense(problem)
        if dense.all():
            return solve_ridge(problem, tol=self.tol)
        if dense.any():
            some, others = np.flatnonzero(dense), np.flatnonzero(~dense)
            ridge = solve_ridge(problem.select(some), tol=self.tol)
            rest = self._solve_sparse(problem.select(others), _rows(start, others), checkpoint)
            return join([ridge, rest], [some, others])
        return self._solve_sparse(problem, start, checkpoint)

    def solve_path(self, problems: Sequence[Problem]) -> list[Solution]:
        """Solve problems that differ in penalties and block weights only, each from the last.

        Cheaper than as many separate solves where neighbors in the sequence are alike: working
        sets and their products are shared. The order in which a grid is walked matters: back and
        forth. Problems with dense answers start from nothing.

        Raises
        ------
        InputError
            Another design, other targets, signs, exclusions or block heights.
        """
        for problem in problems[1:]:
            require_alike(problems[0], problem)
        rounds, gram, solutions = None, None, []
        for problem in problems:
            if _is_dense(problem).any():
                solutions.append(self.solve(problem))
                continue
            metric = self._metric(problem)
            if metric is not None:
                gram = SharedGram.of(problem) if gram is None else gram
                start = solutions[-1].weights if solutions else None
                solutions.append(self._solve_shared(problem, gram, metric, start))
                continue
            rounds = self._start(problem) if rounds is None else rounds.restated(problem)
            solutions.append(self._walk(rounds, np.arange(problem.n_queries), None))
        return solutions

    @property
    def _looks(self) -> int:
        return self.max_rounds if self.candidates is None else 1

    def _metric(self, problem: Problem) -> Metric | None:
        if self.device != "cpu" or self.candidates is not None:
            return None
        return shared_metric(problem)

    def _start(self, problem: Problem) -> Rounds:
        grow = self.grow if self.candidates is None else self.candidates
        return Rounds.start(problem, self.tol, grow, kernels_for(self.device))

    def _solve_sparse(
        self, problem: Problem, start: sparse.csr_matrix | None, checkpoint: str | Path | None
    ) -> Solution:
        metric = self._metric(problem) if checkpoint is None else None
        if metric is not None:
            return self._solve_shared(problem, SharedGram.of(problem), metric, start)
        rounds, queries = self._start(problem), np.arange(problem.n_queries)
        if checkpoint is not None and Path(checkpoint).exists():
            rounds, queries = restored(checkpoint, rounds)
        elif start is not None and self.candidates is None:
            rounds.enter(start)
        solution = self._walk(rounds, queries, checkpoint)
        if checkpoint is not None:
            Path(checkpoint).unlink(missing_ok=True)
        return solution

    def _solve_shared(
        self,
        problem: Problem,
        gram: SharedGram,
        metric: Metric,
        start: sparse.csr_matrix | None,
    ) -> Solution:
        """Solve on one Gram matrix, and on working sets what that leaves open."""
        found = gram.solve(problem, metric, self.tol, start)
        open_, done = np.flatnonzero(~found.converged), np.flatnonzero(found.converged)
        if len(open_) == 0:
            return found
        rounds = self._start(problem.select(open_))
        rounds.enter(found.weights[open_])
        rest = self._walk(rounds, np.arange(len(open_)), None)
        return join([found.select(done), rest], [done, open_]) if len(done) else rest

    def _walk(self, rounds: Rounds, queries: np.ndarray, checkpoint: str | Path | None) -> Solution:
        """Look and solve until every query is proven, has stalled or is out of rounds."""
        rounds.solve(queries)
        while len(queries) and rounds.state.passes.max() < self._looks:
            queries = rounds.look(queries)
            if checkpoint is not None:
                save(checkpoint, rounds, queries)
            rounds.solve(queries)
        if self.candidates is not None:
            rounds.state.status[:] = Status.CANDIDATES.value
        return rounds.solution()


def _is_dense(problem: Problem) -> np.ndarray:
    """Return whether each query's answer is dense: a ridge of free sign, (n_queries,) bool."""
    return (problem.l1 == 0) & (not problem.positive)


def _rows(start: sparse.csr_matrix | None, queries: np.ndarray) -> sparse.csr_matrix | None:
    return None if start is None else start[queries]
