from dataclasses import replace

import numpy as np

from spatialrag.solvers.problem import Problem
from spatialrag.solvers.working_set.state import State, terms_of


def test_another_point_of_a_path_keeps_working_sets_and_nothing_else(rng):
    problem = Problem(rng.normal(size=(6, 9)), rng.normal(size=(6, 2)), 0.5, [0.1, 0.2])
    state = State.empty(problem)
    assert [small.terms.l2 for small in state.smalls] == [0.1, 0.2]
    assert np.isinf(state.gap).all()
    state.smalls[0].extend(problem.references, np.arange(4))
    state.gap[:], state.passes[:], state.proven[:] = 0.1, 3, True
    again = state.restated(replace(problem, l1=0.25))
    assert again.smalls is state.smalls
    assert [len(small.members) for small in again.smalls] == [4, 0]
    assert [small.terms for small in again.smalls] == terms_of(replace(problem, l1=0.25))
    assert np.isinf(again.gap).all()
    assert not again.passes.any()
    assert not again.proven.any()
