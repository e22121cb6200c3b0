"""What a solver is to those who call one."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from scipy import sparse

from spatialrag.solvers.problem import Problem
from spatialrag.solvers.solution import Solution


class Solver(Protocol):
    """Anything that solves a `Problem`; see docs/howto/solver.md."""

    def solve(self, problem: Problem, *, start: sparse.csr_matrix | None = None) -> Solution:
        """Return weights with their certificate.

        Parameters
        ----------
        problem
            What to solve.
        start : CSR (n_queries, n_references), optional
            Weights near the answer, of a problem that is alike. They may save time; the answer is
            as exact without them, so that a solver may ignore them.
        """
        ...


@runtime_checkable
class PathSolver(Solver, Protocol):
    """A solver that walks a sequence of like problems faster than one by one."""

    def solve_path(self, problems: Sequence[Problem]) -> list[Solution]:
        """Return the solution of each problem."""
        ...


def solve_path(solver: Solver, problems: Sequence[Problem]) -> list[Solution]:
    """Solve problems that are alike in their order: by the solver's own path where it has one.

    Otherwise each starts from the weights of the one before it.
    """
    if isinstance(solver, PathSolver):
        return solver.solve_path(problems)
    solutions: list[Solution] = []
    for problem in problems:
        start = solutions[-1].weights if solutions else None
        solutions.append(solver.solve(problem, start=start))
    return solutions
