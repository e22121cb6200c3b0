"""Seconds and peak memory of SemST against the number of spots, on generated tissue.

Every size runs in a process of its own, so that peak memory is its own. ``--dense`` adds the
published form, all pairs of spots at once, at the smallest size.

    python benchmarks/domains_scale.py --sizes 5000 50000 --json scale.json
    python benchmarks/domains_scale.py --sizes 500000 --epochs 10 --approximate --json large.json
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from scipy import sparse

N_GENES, N_DOMAINS, BLOCK = 3000, 8, 10_000


def tissue(n, seed=0):
    """Return cells at random places, in stripes that differ in a tenth of their genes."""
    from spatialrag.domains.tissue import Tissue

    rng = np.random.default_rng(seed)
    side = np.sqrt(n)
    xy = rng.uniform(0, side, (n, 2))
    truth = np.minimum(
        (xy[:, 0] + side / 20 * np.sin(xy[:, 1] / side * 9)) / side * N_DOMAINS, 7.99
    )
    truth = np.maximum(truth, 0).astype(int)
    base = rng.lognormal(-3.5, 1, N_GENES)
    changed = np.exp(
        rng.normal(0, 0.7, (N_DOMAINS, N_GENES)) * (rng.random((N_DOMAINS, N_GENES)) < 0.1)
    )
    profiles = base * changed
    blocks = []
    for start in range(0, n, BLOCK):
        part = truth[start : start + BLOCK]
        depth = rng.lognormal(0, 0.3, (len(part), 1))
        counts = rng.poisson(depth * profiles[part]).astype(np.float32)
        counts[counts.sum(axis=1) == 0, 0] = 1
        blocks.append(sparse.csr_matrix(counts))
    genes = np.array([f"G{i}" for i in range(N_GENES)])
    return Tissue(sparse.vstack(blocks, format="csr"), genes, np.arange(n), xy), truth.astype(str)


def measure(n, epochs, *, approximate, dense):
    import torch

    from spatialrag.domains.semst.presets import released
    from spatialrag.domains.semst.semst import SemST
    from spatialrag.domains.semst.settings import Graphs
    from spatialrag.metrics.domains import domain_scores
    from spatialrag.training.graph import Training

    made, truth = tissue(n)
    before = peak()
    if dense:
        method = released(epochs=epochs, form="exact")
    else:
        method = SemST(graphs=Graphs(approximate=approximate), training=Training(epochs=epochs))
    start = time.perf_counter()
    found = method.fit_predict(made, n_domains=N_DOMAINS)
    seconds = time.perf_counter() - start
    result = {
        "form": "published, dense" if dense else "default",
        "n_spots": n,
        "n_genes": N_GENES,
        "nonzero_share": made.expression.nnz / n / N_GENES,
        "epochs": epochs,
        "seconds": seconds,
        "seconds_per_epoch": epoch_seconds(method, made, epochs),
        "peak_gib": peak(),
        "peak_before_gib": before,
        "ari": domain_scores(truth, found.labels)["ari"],
        "recall": found.graphs["features"].settings.get("recall"),
        "threads": torch.get_num_threads(),
    }
    print(json.dumps(result))


def epoch_seconds(method, made, epochs):
    """Return seconds of one epoch, the mean of a few after the first."""
    import torch

    from spatialrag.domains.semst.inputs import make_inputs
    from spatialrag.domains.semst.network import Network
    from spatialrag.domains.semst.step import backward

    parts = (method.graphs, method.architecture, method.objective)
    inputs = make_inputs(made, None, *parts, device="cpu")
    network = Network(inputs.values.shape[1], N_GENES, 0, method.architecture)
    generator = torch.Generator().manual_seed(0)
    backward(network, inputs, method.objective, generator)
    start = time.perf_counter()
    repeats = min(3, epochs)
    for _ in range(repeats):
        backward(network, inputs, method.objective, generator)
    return (time.perf_counter() - start) / repeats


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def child(n, epochs, *, approximate=False, dense=False):
    arguments = ["--child", n, epochs, int(approximate), int(dense)]
    command = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=int, default=[5000, 50_000])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--approximate", action="store_true")
    parser.add_argument("--dense", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", nargs=4, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        n, epochs, approximate, dense = options.child
        measure(n, epochs, approximate=bool(approximate), dense=bool(dense))
        return
    rows = [child(n, options.epochs, approximate=options.approximate) for n in options.sizes]
    if options.dense:
        # Five epochs of each: the dense form's time grows with n².
        rows += [child(min(options.sizes), 5, dense=dense) for dense in (False, True)]
    for row in rows:
        print(json.dumps(row))
    if options.json:
        record = {"python": platform.python_version(), "cores": os.cpu_count(), "runs": rows}
        options.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
