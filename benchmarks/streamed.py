"""Banks streamed from disk: time, peak memory and passes beside the number of references.

Each size is solved in a process of its own, so that the peak resident set is that size's.

    python benchmarks/streamed.py 50000 200000 1000000 --json streamed.json
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from problems import Generator, problem_of

from spatialrag.evaluation.report import scores_markdown
from spatialrag.solvers.stored import open_design, write_design
from spatialrag.solvers.working_set.rounds import Rounds
from spatialrag.solvers.working_set.working_set import WorkingSet

BLOCK = 8192


def write(generator, path, n):
    sizes = [min(BLOCK, n - start) for start in range(0, n, BLOCK)]
    blocks = (generator.block(size, 10 + i) for i, size in enumerate(sizes))
    write_design(path, blocks, (generator.loadings.shape[1], n))


def solve(path, n_queries, grow):
    looks, original = [], Rounds.look

    def look(self, queries):
        started = time.perf_counter()
        still = original(self, queries)
        seconds = time.perf_counter() - started
        share = self.trace.looked_at[-1] / (len(queries) * self.problem.n_references)
        looks.append({"open": len(queries), "seconds": seconds, "share_looked_at": share})
        return still

    Rounds.look = look
    queries = Generator(1024, 300).block(n_queries, 1)
    problem = problem_of(open_design(path), np.ascontiguousarray(queries.T))
    started = time.perf_counter()
    solution = WorkingSet(grow=grow).solve(problem).require_converged()
    return {
        "references": problem.n_references,
        "seconds": time.perf_counter() - started,
        "peak_rss_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "passes": len(looks),
        "max_gap": float(solution.relative_gap.max()),
        "cited": solution.weights.nnz / n_queries,
        "looks": looks,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", type=int, nargs="*", default=[50_000, 200_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=3000)
    parser.add_argument("--grow", type=int, default=100)
    parser.add_argument(
        "--folder", type=Path, help="where designs are written; temporary if absent"
    )
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(solve(arguments.one, arguments.queries, arguments.grow)))
        return
    rows = []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for size in arguments.sizes:
            path = Path(folder) / f"{size}.zarr"
            write(Generator(1024, 300), path, size)
            options = [f"--queries={arguments.queries}", f"--grow={arguments.grow}"]
            command = [sys.executable, __file__, "--one", str(path), *options]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rows.append(json.loads(done.stdout))
    frame = pd.DataFrame(rows)
    print(scores_markdown(frame.drop(columns=["looks", "max_gap"]).set_index("references")))
    for row in rows:
        print(row["references"], f"largest relative gap {row['max_gap']:.1e}")
        print(pd.DataFrame(row["looks"]).to_string(float_format=lambda x: f"{x:.3f}"))
    if len(rows) > 1:
        slope = np.polyfit(np.log(frame["references"]), np.log(frame["seconds"]), 1)[0]
        print(f"log-log slope of seconds over references: {slope:.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
