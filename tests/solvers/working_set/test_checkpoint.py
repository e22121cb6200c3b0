from dataclasses import replace

import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.working_set.rounds import Rounds
from spatialrag.solvers.working_set.working_set import WorkingSet

SOLVER = WorkingSet(tol=1e-9, grow=3)


@pytest.fixture
def problem(rng):
    design = np.abs(rng.normal(size=(30, 2000))).astype(np.float32)
    return Problem(design, np.abs(rng.normal(size=(30, 4))), 3.0, 1.0)


@pytest.mark.parametrize("l2", [1.0, 0.0])
def test_goes_on_from_the_last_finished_look(problem, tmp_path, monkeypatch, l2):
    problem, path = replace(problem, l2=l2), tmp_path / "solve.npz"
    whole = SOLVER.solve(problem)
    looks, look = [], Rounds.look

    def interrupted(self, queries):
        looks.append(len(queries))
        if len(looks) == 3:
            raise KeyboardInterrupt
        return look(self, queries)

    monkeypatch.setattr(Rounds, "look", interrupted)
    with pytest.raises(KeyboardInterrupt):
        SOLVER.solve(problem, checkpoint=path)
    assert path.exists()
    again = SOLVER.solve(problem, checkpoint=path)
    assert len(looks) == 3 + whole.rounds.max() - 2
    np.testing.assert_allclose(again.weights.toarray(), whole.weights.toarray(), atol=1e-8)
    np.testing.assert_array_equal(again.rounds, whole.rounds)
    assert again.converged.all()
    assert list(tmp_path.iterdir()) == []


def test_refuses_what_is_not_its_own(problem, tmp_path, monkeypatch):
    path = tmp_path / "solve.npz"
    monkeypatch.setattr("pathlib.Path.unlink", lambda self, missing_ok: None)
    SOLVER.solve(problem, checkpoint=path)
    for other, solver in (
        (replace(problem, l1=2.0), SOLVER),
        (replace(problem, design=problem.design + 1), SOLVER),
        (replace(problem, without=np.array([7, -1, -1, -1])), SOLVER),
        (problem, WorkingSet(tol=1e-8, grow=3)),
    ):
        with pytest.raises(InputError, match="belongs to another problem"):
            solver.solve(other, checkpoint=path)
    path.write_bytes(b"PK\x03\x04 truncated")
    with pytest.raises(InputError, match="not a checkpoint"):
        SOLVER.solve(problem, checkpoint=path)
