"""The fast solver beside scikit-learn, celer and skglm on one non-negative elastic net.

Counts are drawn from programs, as in the toy tissue; the design holds their log-normalized values.
Each solver answers the same queries to about the same accuracy; the largest relative duality gap is
computed by us for all of them, so speed is never bought with accuracy unseen.

    python benchmarks/solvers.py --references 1300 --anchors 2000 --queries 16 --json solvers.json
"""

import argparse
import json
import os
import platform
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import celer
import numpy as np
import pandas as pd
import skglm
from scipy import sparse
from sklearn.linear_model import ElasticNet

from spatialrag.evaluation.report import markdown_table
from spatialrag.solvers.objective import correlate, primal_and_gap, residuals
from spatialrag.solvers.problem import Problem, smallest_vanishing_l1
from spatialrag.solvers.working_set import WorkingSet


def make_problem(n_references, n_anchors, n_queries, fraction, ridge_share, seed=0):
    rng = np.random.default_rng(seed)
    loadings = rng.gamma(2.0, 0.4, (12, n_anchors)) * (rng.random((12, n_anchors)) < 0.2)
    activity = rng.gamma(1.0, 1.0, (n_references + n_queries, 12))
    rate = np.exp(rng.normal(0, 1, n_anchors) + 0.5 * activity @ loadings)
    rate *= rng.lognormal(8, 0.4, (len(rate), 1)) / rate.sum(axis=1, keepdims=True)
    counts = rng.poisson(rate)
    values = np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True))
    values /= np.sqrt(values.var(axis=0).sum())
    design = np.ascontiguousarray(values[:n_references]).T
    smooth = values[n_references:] @ values[:n_references].T
    smooth = smooth / smooth.sum(axis=1, keepdims=True) @ values[:n_references]
    targets = 0.5 * (values[n_references:] + smooth).T
    strength = 2 * fraction * smallest_vanishing_l1(design, targets, positive=True)
    strength /= 1 - ridge_share
    l1, l2 = (1 - ridge_share) * strength / 2, ridge_share * strength
    return Problem(design, targets, l1, l2)


def by_estimators(problem, build, *, shared_gram=False):
    design, rows = np.asfortranarray(problem.design), problem.design.shape[0]
    gram = (design.T @ design,) if shared_gram else ()
    weights = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for query in range(problem.n_queries):
            l1, l2 = problem.l1[query], problem.l2[query]
            model = build((l1 + l2) / rows, l1 / (l1 + l2), *gram)
            weights.append(model.fit(design, problem.targets[:, query]).coef_)
    return sparse.csr_matrix(np.array(weights))


def largest_gap(problem, weights):
    queries = np.arange(problem.n_queries)
    residual = residuals(problem, weights, queries)
    primal, gap = primal_and_gap(problem, weights, residual, correlate(problem, residual), queries)
    return (gap / primal).max()


def scikit_learn(alpha, ratio, gram=False):
    return ElasticNet(
        alpha=alpha,
        l1_ratio=ratio,
        positive=True,
        fit_intercept=False,
        precompute=gram,
        tol=1e-6,
        max_iter=100_000,
    )


SOLVERS = {
    "spatialrag": lambda problem: WorkingSet().solve(problem).require_converged().weights,
    "scikit-learn": lambda problem: by_estimators(problem, scikit_learn),
    "scikit-learn, shared Gram": lambda problem: by_estimators(
        problem, scikit_learn, shared_gram=True
    ),
    "celer": lambda problem: by_estimators(
        problem,
        lambda alpha, ratio: celer.ElasticNet(
            alpha=alpha, l1_ratio=ratio, positive=True, fit_intercept=False, tol=1e-6
        ),
    ),
    "skglm": lambda problem: by_estimators(
        problem,
        lambda alpha, ratio: skglm.ElasticNet(
            alpha=alpha, l1_ratio=ratio, positive=True, fit_intercept=False, tol=1e-7, max_iter=200
        ),
    ),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--references", type=int, default=1300)
    parser.add_argument("--anchors", type=int, default=2000)
    parser.add_argument("--queries", type=int, default=16)
    parser.add_argument("--fraction", type=float, default=0.03, help="of the vanishing strength")
    parser.add_argument("--ridge-share", type=float, default=0.5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    problem = make_problem(
        arguments.references,
        arguments.anchors,
        arguments.queries,
        arguments.fraction,
        arguments.ridge_share,
    )
    warm = make_problem(60, 40, 2, 0.1, 0.5)  # compiles what compiles on first use
    rows = {}
    for name, solve in SOLVERS.items():
        solve(warm)
        started = time.perf_counter()
        weights = solve(problem)
        seconds = time.perf_counter() - started
        rows[name] = {
            "queries_per_s": problem.n_queries / seconds,
            "references": weights.nnz / problem.n_queries,
            "log10_relative_gap": float(np.log10(max(largest_gap(problem, weights), 1e-16))),
        }
    frame = pd.DataFrame(rows).T
    frame.insert(1, "ratio", frame["queries_per_s"] / frame.loc["scikit-learn", "queries_per_s"])
    print(markdown_table(frame))
    if arguments.json:
        packages = ("spatialrag", "scikit-learn", "celer", "skglm", "numpy", "scipy")
        environment = {name: version(name) for name in packages}
        environment |= {"python": platform.python_version(), "cores": os.cpu_count()}
        result = {
            "settings": {k: v for k, v in vars(arguments).items() if k != "json"},
            "environment": environment,
            "rows": frame.T.to_dict(),
        }
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
