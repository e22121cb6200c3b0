from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from spatialrag.solvers.problem import Problem
from spatialrag.solvers.reference import CoordinateDescent
from spatialrag.solvers.solver import PathSolver, solve_path
from spatialrag.solvers.working_set import WorkingSet


@dataclass
class OneByOne:
    """A solver without a path, that remembers what it was started from."""

    starts: list = field(default_factory=list)

    def solve(self, problem, *, start=None):
        self.starts.append(start)
        return CoordinateDescent(tol=1e-12).solve(problem, start=start)


@pytest.fixture
def problems(rng):
    first = Problem(rng.normal(size=(12, 30)), rng.normal(size=(12, 2)), 1.0, 0.5)
    return [first, replace(first, l1=0.7), replace(first, l1=0.4)]


def test_without_a_path_of_its_own_each_starts_from_the_last(problems):
    solver = OneByOne()
    found = solve_path(solver, problems)
    assert solver.starts[0] is None
    assert solver.starts[1] is found[0].weights
    assert solver.starts[2] is found[1].weights
    for problem, solution in zip(problems, found, strict=True):
        alone = WorkingSet(tol=1e-12).solve(problem).weights.toarray()
        np.testing.assert_allclose(solution.weights.toarray(), alone, atol=1e-6)


def test_a_path_of_its_own_is_used(problems, monkeypatch):
    assert isinstance(WorkingSet(), PathSolver)
    assert not isinstance(OneByOne(), PathSolver)
    monkeypatch.setattr(WorkingSet, "solve", None)
    assert len(solve_path(WorkingSet(), problems)) == 3
    assert solve_path(OneByOne(), []) == []
