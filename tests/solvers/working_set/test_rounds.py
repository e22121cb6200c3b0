import numpy as np

from spatialrag.solvers.objective import correlate, primal_and_gap, residuals
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.working_set.rounds import Rounds


def problem_of(rng, **changes):
    design = np.abs(rng.normal(size=(40, 3000))).astype(np.float32)
    targets = np.abs(rng.normal(size=(40, 5)))
    return Problem(design, targets, 4.0, changes.pop("l2", 1.0), **changes)


def run(rounds):
    queries = np.arange(rounds.problem.n_queries)
    while len(queries):
        queries = rounds.look(queries)
        rounds.solve(queries)
    return rounds.solution()


def test_every_gap_is_that_of_the_whole_bank_in_float64(rng, kernels):
    for changes in ({}, {"l2": 0.0}, {"positive": False}):
        problem = problem_of(rng, **changes)
        rounds = Rounds.start(problem, 1e-8, 5, kernels)
        solution = run(rounds)
        assert rounds.state.proven.all()
        assert solution.converged.all()
        queries = np.arange(5)
        residual = residuals(problem, solution.weights, queries)
        correlation = correlate(problem, residual)
        primal, gap = primal_and_gap(problem, solution.weights, residual, correlation, queries)
        np.testing.assert_allclose(solution.objective, primal, rtol=1e-12)
        np.testing.assert_allclose(solution.gap, gap, atol=1e-9 * primal.max())


def test_later_looks_skip_what_cannot_matter(rng, kernels):
    rounds = Rounds.start(problem_of(rng), 1e-6, 5, kernels)
    run(rounds)
    assert rounds.trace.looked_at[0] == 5 * 3000
    assert rounds.trace.looked_at[-1] < 0.5 * rounds.trace.looked_at[0]


def test_more_references_on_the_line_than_are_kept(rng, kernels):
    design = np.abs(rng.normal(size=(20, 30))).astype(np.float32)
    design = np.concatenate([design, np.repeat(design[:, :1], 400, axis=1)], axis=1)
    problem = Problem(design, design[:, :1] + 0.1, 0.5, 0.0)
    solution = run(Rounds.start(problem, 1e-6, 5, kernels))
    assert solution.converged.all()
    assert solution.weights[0, 0] + solution.weights[0, 30:].sum() > 0.5


def test_an_unfinished_solve_still_reports_its_exact_gap(rng, kernels):
    problem = problem_of(rng)
    rounds = Rounds.start(problem, 1e-12, 5, kernels)
    rounds.solve(rounds.look(np.arange(5)))
    solution = rounds.solution()
    assert not solution.converged.any()
    residual = residuals(problem, solution.weights, np.arange(5))
    _, gap = primal_and_gap(
        problem, solution.weights, residual, correlate(problem, residual), np.arange(5)
    )
    np.testing.assert_allclose(solution.gap, gap)
