"""The fast exact solver: working sets grown from the optimality violations."""

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.solvers.checkpoint import restore, save
from spatialrag.solvers.kernels import kernels_for
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.ridge import solve_ridge
from spatialrag.solvers.rounds import Rounds, require_alike
from spatialrag.solvers.solution import Solution, Status


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

    def solve(self, problem: Problem, *, checkpoint: str | Path | None = None) -> Solution:
        """Solve every query of the problem.

        Signed problems without an l1 part have dense answers and go through the m x m dual.

        Parameters
        ----------
        problem
            What to solve.
        checkpoint
            A file written after every look at the bank and removed at the end. Where it exists,
            the solve goes on from there. Not used by dense answers.

        Raises
        ------
        InputError
            The checkpoint is another problem's.
        """
        dense = _is_dense(problem)
        if dense.all():
            return solve_ridge(problem, tol=self.tol)
        if not dense.any():
            return self._solve_sparse(problem, checkpoint)
        some, others = np.flatnonzero(dense), np.flatnonzero(~dense)
        ridge = solve_ridge(problem.select(some), tol=self.tol)
        rest = self._solve_sparse(problem.select(others), checkpoint)
        return _join([(some, ridge), (others, rest)])

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
        rounds, solutions = None, []
        for problem in problems:
            if _is_dense(problem).any():
                solutions.append(self.solve(problem))
                continue
            queries = np.arange(problem.n_queries)
            if rounds is None:
                rounds = self._start(problem)
            else:
                rounds.restate(problem)
                rounds.solve(queries)
            while len(queries) and rounds.passes.max() < self._looks:
                queries = rounds.look(queries)
                rounds.solve(queries)
            solutions.append(self._solution(rounds))
        return solutions

    @property
    def _looks(self) -> int:
        return self.max_rounds if self.candidates is None else 1

    def _solution(self, rounds: Rounds) -> Solution:
        if self.candidates is not None:
            rounds.status[:] = Status.CANDIDATES.value
        return rounds.solution()

    def _start(self, problem: Problem) -> Rounds:
        grow = self.grow if self.candidates is None else self.candidates
        return Rounds.start(problem, self.tol, grow, kernels_for(self.device))

    def _solve_sparse(self, problem: Problem, checkpoint: str | Path | None) -> Solution:
        rounds = self._start(problem)
        queries = np.arange(problem.n_queries)
        if checkpoint is not None and Path(checkpoint).exists():
            queries = restore(checkpoint, rounds)
            rounds.solve(queries)
        while len(queries) and rounds.passes.max() < self._looks:
            queries = rounds.look(queries)
            if checkpoint is not None:
                save(checkpoint, rounds, queries)
            rounds.solve(queries)
        solution = self._solution(rounds)
        if checkpoint is not None:
            Path(checkpoint).unlink(missing_ok=True)
        return solution


def _is_dense(problem: Problem) -> np.ndarray:
    """Return whether each query's answer is dense: a ridge of free sign, (n_queries,) bool."""
    return (problem.l1 == 0) & (not problem.positive)


def _join(parts: list[tuple[np.ndarray, Solution]]) -> Solution:
    order = np.argsort(np.concatenate([queries for queries, _ in parts]))
    solutions = [solution for _, solution in parts]

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(s, name) for s in solutions])[order]

    weights = sparse.vstack([s.weights for s in solutions], format="csr")[order]
    return Solution(weights, joined("gap"), joined("objective"), joined("rounds"), joined("status"))
