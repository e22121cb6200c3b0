"""Seconds and MB of what is written and read: a prediction, and the bank of HER2ST.

A prediction of 4,000 spots x 18,000 genes: values of a gamma distribution, two fifths of them zero
in the references, 100 citations a spot. It is written by each way of compression, by
`spatialrag.write_prediction` ("written"), and read back.

    python benchmarks/files.py --her2st ../shared/data/her2st --json files.json
"""

import argparse
import json
import resource
import tempfile
import time
from functools import partial
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag import build_bank
from spatialrag.bank.store import read_bank, verify_bank, write_bank
from spatialrag.expression.cohort import read_her2st_cohort
from spatialrag.prediction.citations import Citations
from spatialrag.prediction.prediction import Prediction
from spatialrag.prediction.store import read_prediction, to_anndata, write_prediction

N_CITED, N_CITATIONS, MEASURED = 2000, 100, 0.6
WAYS = {"none": {}, "lzf": {"compression": "lzf"}, "gzip 4": {"compression": "gzip"}}


def draw_prediction(n_spots, n_genes, seed=0):
    """Return a prediction whose values are sums of its cited references."""
    rng = np.random.default_rng(seed)
    level = rng.gamma(0.5, 0.6, n_genes)
    cited = rng.gamma(2.0, level / 2, (N_CITED, n_genes)) * (
        rng.random((N_CITED, n_genes)) < MEASURED
    )
    expression = sparse.csr_matrix(cited.astype(np.float32))
    columns = np.concatenate(
        [np.sort(rng.choice(N_CITED, N_CITATIONS, replace=False)) for _ in range(n_spots)]
    )
    data = rng.dirichlet(np.ones(N_CITATIONS), n_spots).ravel()
    starts = np.arange(n_spots + 1) * N_CITATIONS
    weights = sparse.csr_matrix((data, columns, starts), shape=(n_spots, N_CITED))
    references = pd.DataFrame(
        {
            "slide": np.repeat(["reference1", "reference2"], N_CITED // 2),
            "donor": "donor",
            "barcode": [f"r{i}" for i in range(N_CITED)],
            "x": np.arange(N_CITED, dtype=float),
            "y": np.arange(N_CITED, dtype=float),
            "total_counts": 10_000.0,
        }
    )
    citations = Citations(
        weights=weights,
        references=references,
        expression=expression,
        measured=np.ones((n_genes, 2), bool),
        slides=np.array(["reference1", "reference2"], object),
    )
    side = int(np.ceil(np.sqrt(n_spots)))
    row, column = np.divmod(np.arange(n_spots), side)
    return Prediction(
        slide="query",
        spots=np.array([f"s{i}" for i in range(n_spots)], object),
        xy=np.column_stack([column, row]) * 200.0,
        genes=np.array([f"GENE{i}" for i in range(n_genes)], object),
        expression=(weights @ expression).toarray().astype(np.float32),
        scale="log1p_cp10k",
        citations=citations,
        uncited_share=0.0,
    )


def timed(work):
    """Return what work returns, and its wall seconds."""
    started = time.perf_counter()
    made = work()
    return made, time.perf_counter() - started


def size_mb(path):
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def measure_prediction(folder, n_spots, n_genes):
    """Return seconds and MB of a prediction's file by compression."""
    prediction, path = draw_prediction(n_spots, n_genes), folder / "prediction.h5ad"
    adata, rows = to_anndata(prediction), {}
    ways = {
        name: partial(ad.io.write_h5ad, path, adata, **options) for name, options in WAYS.items()
    }
    for name, write in {**ways, "written": partial(write_prediction, prediction, path)}.items():
        _, writing = timed(write)
        found, reading = timed(partial(read_prediction, path))
        if not np.array_equal(found.expression, prediction.expression):
            raise SystemExit(f"{name}: what was read is not what was written")
        rows[name] = {"write_s": writing, "read_s": reading, "mb": size_mb(path)}
    return rows


def measure_bank(folder, root):
    """Return seconds and MB of the bank of all sections, without pictures."""
    bank = build_bank(read_her2st_cohort(root), thumbnail_px=0)
    path, writing = timed(lambda: write_bank(bank, folder / "bank.zarr"))
    _, opening = timed(lambda: read_bank(path))
    _, verifying = timed(lambda: verify_bank(path))
    return {
        "references": bank.n_references,
        "genes": len(bank.genes),
        "write_s": writing,
        "open_s": opening,
        "verify_s": verifying,
        "mb": size_mb(path),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--spots", type=int, default=4000)
    parser.add_argument("--genes", type=int, default=18_000)
    parser.add_argument("--her2st", type=Path, help="a clone of the HER2ST repository")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    report = {"spots": options.spots, "genes": options.genes}
    with tempfile.TemporaryDirectory() as folder:
        report["prediction"] = measure_prediction(Path(folder), options.spots, options.genes)
        if options.her2st:
            report["bank"] = measure_bank(Path(folder), options.her2st)
    report["peak_rss_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    text = json.dumps(report, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
