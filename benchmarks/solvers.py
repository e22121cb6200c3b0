"""Our solver beside FISTA, scikit-learn, celer and skglm on one retrieval problem.

Same D, l1, l2, sign and threads for all, each at its stated tolerance; the gap printed beside each
time is ours to compute, over the whole bank in float64, so a looser answer is seen.

    python benchmarks/solvers.py --json solvers.json
    python benchmarks/solvers.py --her2st ../shared/data/her2st
    python benchmarks/solvers.py --prostate
    python benchmarks/solvers.py --defaults ../shared/data/mob MOB3
    python benchmarks/solvers.py --defaults ../shared/data/mob_mice Rep11

At GeneRAG's defaults references are few and every query has penalties of its own; peers then get
one Gram matrix for all queries where they take one, which is counted once.
"""

import argparse
import json
import os
import platform
import time
import warnings
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import celer
import numpy as np
import pandas as pd
import skglm
from problems import ALPHA, L1_RATIO, at_defaults, generated, her2st
from scipy import sparse
from sklearn.linear_model import ElasticNet, enet_path
from threadpoolctl import threadpool_info, threadpool_limits

from spatialrag.evaluation.report import scores_markdown
from spatialrag.solvers.fista import Fista
from spatialrag.solvers.objective import certify
from spatialrag.solvers.problem import smallest_vanishing_l1
from spatialrag.solvers.working_set.working_set import WorkingSet

TOL = 1e-6
SETTINGS = {"alpha": ALPHA, "l1_ratio": L1_RATIO, "positive": True, "fit_intercept": False}
PEERS = {
    "sklearn": lambda: ElasticNet(tol=TOL, max_iter=100_000, **SETTINGS),
    "celer": lambda: celer.ElasticNet(tol=TOL, **SETTINGS),
    "skglm": lambda: skglm.ElasticNet(tol=TOL, max_iter=200, **SETTINGS),
}


def timed(call, runs):
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds)), result


def row(problem, seconds, weights, runs, queries=None):
    """Return a table row; ``queries`` of a subset scale the time to all."""
    n = problem.n_queries if queries is None else queries
    part = problem if queries is None else first(problem, queries)
    gaps = certify(part, weights, TOL, np.zeros(n)).relative_gap
    return {
        "seconds": seconds * problem.n_queries / n,
        "max_gap": float(gaps.max()),
        "references": weights.nnz / n,
        "queries_timed": n,
        "runs": runs,
    }


def first(problem, n):
    return problem.select(np.arange(n))


def pass_seconds(problem):
    rows, targets = problem.design.T, problem.targets
    rows @ targets
    return timed(lambda: rows @ targets, 5)[0]


def peer(problem, build, n_queries, runs):
    design = np.asfortranarray(problem.design)
    build().fit(design[:, :60], problem.targets[:, 0])  # compiles what compiles on first use

    def solve():
        return [build().fit(design, problem.targets[:, q]).coef_ for q in range(n_queries)]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds, coefficients = timed(solve, runs)
    weights = sparse.csr_matrix(np.array(coefficients, np.float64))
    return row(problem, seconds, weights, runs, n_queries)


def weighted(problem, dtype):
    """Return D' and b' with rows times the root of their weights."""
    root = np.sqrt(problem.row_weights)
    return (problem.design.T * root).astype(dtype), (problem.targets.T * root).astype(dtype)


def with_gram(problem, n_queries, runs):
    """Scikit-learn's coordinate descent on a Gram matrix that all queries share."""
    rows, targets = weighted(problem, np.float64)  # float32 does not reach the tolerance
    design, m = np.asfortranarray(rows.T), rows.shape[1]

    def solve():
        gram, found = rows @ rows.T, []
        for query in range(n_queries):
            l1, l2 = problem.l1[query], problem.l2[query]
            _, coefficients, _ = enet_path(
                *(design, targets[query]),
                l1_ratio=l1 / (l1 + l2),
                alphas=[(l1 + l2) / m],
                precompute=gram,
                positive=True,
                tol=TOL,
                max_iter=100_000,
            )
            found.append(coefficients[:, 0])
        return found

    seconds, found = timed(solve, runs)
    return row(problem, seconds, sparse.csr_matrix(np.array(found, np.float64)), runs, n_queries)


def fista_with_gram(problem, steps):
    """The published steps on a Gram matrix that all queries share, in float32."""

    def solve():
        rows, targets = weighted(problem, np.float32)
        gram, linear = rows @ rows.T, targets @ rows.T
        l1, l2 = (p.astype(np.float32)[:, None] for p in (problem.l1, problem.l2))
        step = 1 / (np.float32(1.02 * np.linalg.norm(gram, 2)) + l2)
        old = ahead = np.zeros_like(linear)
        momentum = 1.0
        for _ in range(steps):
            new = np.maximum(ahead + step * (linear - ahead @ gram - l2 * ahead - l1), 0)
            following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            ahead = new + np.float32((momentum - 1) / following) * (new - old)
            old, momentum = new, following
        return new

    seconds, weights = timed(solve, 1)
    return row(problem, seconds, sparse.csr_matrix(weights, dtype=np.float64), 1)


def compare_at_defaults(problem, arguments):
    """Return rows of ours and of the peers that share a Gram matrix."""
    seconds, ours = timed(lambda: WorkingSet(tol=TOL).solve(problem), arguments.runs)
    result = {"ours": row(problem, seconds, ours.require_converged().weights, arguments.runs)}
    if not arguments.only_ours:
        n = min(arguments.sklearn_queries, problem.n_queries)
        result["sklearn, shared Gram"] = with_gram(problem, n, 1)
        result["fista, shared Gram"] = fista_with_gram(problem, arguments.fista_steps)
        result["fista, shared Gram"]["steps"] = arguments.fista_steps
    return result


def compare(problem, arguments):
    WorkingSet().solve(first(problem, 2))
    seconds, ours = timed(lambda: WorkingSet(tol=TOL).solve(problem), arguments.runs)
    result = {"ours": row(problem, seconds, ours.require_converged().weights, arguments.runs)}
    result["ours"]["passes"] = int(ours.rounds.max())
    if arguments.only_ours:
        return result
    for name, build in PEERS.items():
        n = arguments.sklearn_queries if name == "sklearn" else problem.n_queries
        result[name] = peer(problem, build, min(n, problem.n_queries), arguments.runs)
    fista = Fista(max_iter=arguments.fista_steps, step_tol=0)
    seconds, answer = timed(lambda: fista.solve(problem), 1)
    result["fista"] = row(problem, seconds, answer.weights, 1)
    result["fista"]["steps"] = arguments.fista_steps
    return result


def walk_grid(problem):
    """Return seconds of a 5 x 5 grid of image weights and strengths, apart and as one path."""
    m, image = problem.design.shape[0], problem.design.shape[0] - 300
    grid = []
    for turn, weight in enumerate((0.1, 0.3, 0.5, 0.7, 0.9)):
        blocks = ((image, 2 * weight), (m - image, 2 - 2 * weight))
        peak = smallest_vanishing_l1(
            problem.design,
            problem.targets,
            positive=True,
            row_weights=np.repeat([w for _, w in blocks], [n for n, _ in blocks]),
        )
        fractions = (0.3, 0.25, 0.2, 0.17, 0.14)
        for fraction in fractions if turn % 2 == 0 else fractions[::-1]:
            l1 = fraction * peak
            l2 = l1 * (1 - L1_RATIO) / L1_RATIO
            grid.append(replace(problem, l1=l1, l2=l2, blocks=blocks))
    solver = WorkingSet(tol=TOL)
    cold = [timed(lambda p=p: solver.solve(p), 1)[0] for p in grid]
    seconds, answers = timed(lambda: solver.solve_path(grid), 1)
    assert all(answer.converged.all() for answer in answers)
    return {"seconds": seconds, "median_cold": float(np.median(cold)), "sum_cold": sum(cold)}


def narrow(problem):
    """Return what candidate pre-selection costs in exactness."""
    exact = WorkingSet(tol=TOL).solve(problem)
    rows = {}
    for candidates in (100, 200, 500):
        seconds, answer = timed(lambda k=candidates: WorkingSet(candidates=k).solve(problem), 1)
        rows[candidates] = {
            "seconds": seconds,
            "max_gap": float(answer.relative_gap.max()),
            "median_gap": float(np.median(answer.relative_gap)),
            "max_excess": float((answer.objective / exact.objective).max() - 1),
        }
    return rows


def environment():
    packages = ("spatialrag", "scikit-learn", "celer", "skglm", "numpy", "scipy")
    blas = [f"{i['internal_api']} {i['version']}, {i['num_threads']}" for i in threadpool_info()]
    found = {name: version(name) for name in packages}
    return found | {"python": platform.python_version(), "cores": os.cpu_count(), "threads": blas}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--references", type=int, default=13433)
    parser.add_argument("--queries", type=int, default=187)
    parser.add_argument("--her2st", type=Path, help="a clone: its counts become the anchors")
    parser.add_argument("--defaults", nargs=2, metavar=("FOLDER", "QUERY"), help="mob, mob_mice")
    parser.add_argument("--prostate", action="store_true", help="N 61,292, Q 1,418, m 1,224; ours")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--sklearn-queries", type=int, default=24, help="timed, and scaled")
    parser.add_argument("--fista-steps", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only-ours", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.prostate:
        arguments.only_ours = True
        problem = generated(61_292, 1_418, 1024, 200)
    elif arguments.her2st:
        problem = her2st(arguments.her2st)
    elif arguments.defaults:
        problem = at_defaults(Path(arguments.defaults[0]), arguments.defaults[1])
    else:
        problem = generated(arguments.references, arguments.queries)
    with threadpool_limits(arguments.threads):
        against = compare_at_defaults if arguments.defaults else compare
        result = {"pass_seconds": pass_seconds(problem), **against(problem, arguments)}
        solvers = {k: v for k, v in result.items() if isinstance(v, dict)}
        if not (arguments.prostate or arguments.defaults):
            result |= {"grid": walk_grid(problem), "candidates": narrow(problem)}
        result["environment"] = environment()
    frame = pd.DataFrame(solvers).T
    frame.insert(1, "times_ours", frame["seconds"] / frame.loc["ours", "seconds"])
    frame["passes_worth"] = frame["seconds"] / result["pass_seconds"]
    m, n = problem.design.shape
    print(f"m {m}, N {n}, Q {problem.n_queries}; one pass D'R {result['pass_seconds']:.3f} s\n")
    print(frame.to_string(float_format=lambda x: f"{x:.4g}"), "\n")
    print(scores_markdown(frame[["seconds", "times_ours", "passes_worth", "references"]]))
    print(json.dumps({k: result[k] for k in ("grid", "candidates") if k in result}, indent=1))
    if arguments.json:
        settings = vars(arguments) | {"her2st": bool(arguments.her2st), "json": None}
        settings["defaults"] = arguments.defaults and arguments.defaults[1]
        arguments.json.write_text(json.dumps(result | {"settings": settings}, indent=1) + "\n")


if __name__ == "__main__":
    main()
