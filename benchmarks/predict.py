"""Where the time of one GeneRAG prediction goes, from ready vectors to the written file.

Seconds of CPU and multiples of one dense pass D'r with all queries, step by step; peak memory.

    python benchmarks/predict.py --mob ../shared/data/mob --json predict.json
    python benchmarks/predict.py --her2st ../shared/data/her2st --queries 2000

MOB3 is asked of MOB1 and MOB2, with color vectors of their pictures (embedded beforehand). HER2ST's
36 sections are the bank; most have no picture, so all vectors are seeded mixtures of log-counts and
noise, and the queries' are those of pairs of references. The first image rows of such a problem are
as informative as measured ones; its counts are real.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from problems import mob
from threadpoolctl import threadpool_limits

from spatialrag import build_bank
from spatialrag.encoders.embeddings import Embeddings, EncoderRecord
from spatialrag.expression.cohort import read_her2st_cohort
from spatialrag.prediction.backbones.stack.stack import Stack
from spatialrag.prediction.generag import generag
from spatialrag.prediction.generag.generag import FittedGeneRAG, GeneRAG
from spatialrag.prediction.store import write_prediction
from spatialrag.retrieval.anchors import choose_anchors
from spatialrag.solvers.working_set import WorkingSet
from spatialrag.tables.markdown import markdown_table

DIM, FACTORS, NOISE = 308, 64, 0.5
STEPS = {
    "backbone": [(Stack, "fit"), (generag, "predict_genes")],
    "anchors": [(generag, "choose_anchors")],
    "design": [(generag, "make_block"), (generag, "fit_morphology"), (generag, "stacked")],
    "strength": [(generag, "weigh")],
    "smoothing": [(generag, "fit_smoothing")],
    "leave-one-out": [(generag, "removals")],
    "citations": [(generag, "cite"), (generag, "certificate")],
    "groups": [(generag, "grouped")],
    "Eq. 2": [(FittedGeneRAG, "expression")],
}


def mouse_bulb(root):
    """Return MOB1 and MOB2 as a bank, and MOB3's spots."""
    bank = build_bank(mob(root), encoder="color", thumbnail_px=0)
    return bank.without(slides=["MOB3"]), bank.embeddings_of("MOB3")


def her2st(root, n_queries):
    """Return all sections as a bank with made vectors, and as many made spots."""
    bank = build_bank(read_her2st_cohort(root), thumbnail_px=0)
    genes = choose_anchors(bank, bank.measured_everywhere, rule="variable", n=1000)
    values = bank.on_scale("log1p_cp10k")[:, bank.columns_of(genes)].toarray()
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((1000, FACTORS)) @ rng.standard_normal((FACTORS, DIM))
    seen = (values - values.mean(axis=0)) @ mixing
    seen /= seen.std()
    record = EncoderRecord("made", "seed 0", DIM, 0.0, 0)

    def noisy(vectors):
        return (vectors + NOISE * rng.standard_normal(vectors.shape)).astype(np.float32)

    pairs = rng.integers(0, len(seen), (2, n_queries))
    spots = np.array([f"s{i}" for i in range(n_queries)])
    places = rng.uniform(0, 1e4, (n_queries, 2))
    queries = Embeddings(noisy(seen[pairs].mean(axis=0)), "made", spots, places, None, record)
    return replace(bank, embeddings=noisy(seen), encoder=record), queries


@contextmanager
def measured(seconds):
    """Add up the CPU time of every step while the block runs; a step within one is that one's."""
    inside = []

    def timed(step, call):
        def inner(*args, **settings):
            if inside:
                return call(*args, **settings)
            inside.append(step)
            started = time.process_time()
            try:
                return call(*args, **settings)
            finally:
                seconds[step] += time.process_time() - started
                inside.clear()

        return inner

    with ExitStack() as stack:
        for step, places in STEPS.items():
            for owner, name in places:
                stack.enter_context(patch.object(owner, name, timed(step, getattr(owner, name))))
        yield timed


def predict(bank, queries, removed, out):
    """Return CPU seconds by step, and the prediction with its problem."""
    seconds = Counter()
    with measured(seconds) as timed:
        started = time.process_time()
        fitted = GeneRAG().fit(bank)
        with patch.object(WorkingSet, "solve", timed("solve", WorkingSet.solve)):
            prediction = fitted.predict(queries, removed=removed)
        timed("writing", write_prediction)(prediction, out)
        whole = time.process_time() - started
    problem = fitted.problem(queries)
    seconds["everything else"] = whole - sum(seconds.values())
    return seconds, problem, prediction


def pass_seconds(problem):
    rows, targets = problem.design.T, problem.targets
    rows @ targets
    times = []
    for _ in range(5):
        started = time.process_time()
        rows @ targets
        times.append(time.process_time() - started)
    return float(np.median(times))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--mob", type=Path, help="folder with MOB1 to MOB3")
    data.add_argument("--her2st", type=Path, help="a clone: its counts are the bank")
    parser.add_argument("--queries", type=int, default=2000, help="of HER2ST")
    parser.add_argument("--removed", type=int, default=1, help="references left out per spot")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    bank, queries = mouse_bulb(asked.mob) if asked.mob else her2st(asked.her2st, asked.queries)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    with threadpool_limits(asked.threads), tempfile.TemporaryDirectory() as folder:
        seconds, problem, prediction = predict(
            bank, queries, asked.removed, Path(folder) / "prediction.h5ad"
        )
        one = pass_seconds(problem)
    n, m = problem.n_references, len(problem.targets)
    result = {
        "n_references": n,
        "m": m,
        "n_queries": problem.n_queries,
        "n_genes": len(prediction.genes),
        "cited": float(prediction.citations.n_active.mean()),
        "largest_relative_gap": float(prediction.certificate["relative_gap"].max()),
        "pass_seconds": one,
        "seconds": dict(seconds),
        "passes": {step: value / one for step, value in seconds.items()},
        "whole_seconds": sum(seconds.values()),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
        "rss_before_mib": before,
        "threads": asked.threads,
        "cores": os.cpu_count(),
        "removed": asked.removed,
    }
    frame = pd.DataFrame({name: result[name] for name in ("seconds", "passes")})
    print(markdown_table(frame, index="step", cell=lambda value, _: f"{value:.2f}"))
    print(json.dumps({k: v for k, v in result.items() if not isinstance(v, dict)}, indent=1))
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
