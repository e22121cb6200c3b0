"""Time and peak memory of a HER2ST bank: read, build, write, verify.

python benchmarks/bank.py ../shared/data/her2st
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import pandas as pd

from spatialrag import build_bank
from spatialrag.bank.store import read_bank, verify_bank, write_bank
from spatialrag.evaluation.report import scores_markdown
from spatialrag.expression.cohort import read_her2st_cohort


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help="a clone of the HER2ST repository")
    arguments = parser.parse_args()
    rows, started = {}, time.perf_counter()

    def lap(name):
        nonlocal started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        rows[name] = {"seconds": time.perf_counter() - started, "peak_rss_gib": peak}
        started = time.perf_counter()

    sections = read_her2st_cohort(arguments.root)
    lap("read")
    bank = build_bank(sections, thumbnail_px=0)
    lap("build")
    with tempfile.TemporaryDirectory() as folder:
        path = write_bank(bank, Path(folder) / "bank.zarr")
        lap("write")
        read_bank(path)
        lap("open")
        verify_bank(path)
        lap("open and verify")
        megabytes = sum(each.stat().st_size for each in path.rglob("*") if each.is_file()) / 1e6
    size = f"{bank.n_references} references, {len(bank.genes)} genes, {megabytes:.0f} MB"
    print(f"{len(bank.slides)} sections, {size}\n")
    print(scores_markdown(pd.DataFrame(rows).T.rename_axis("step")))


if __name__ == "__main__":
    main()
