"""Seconds and MB of a prediction's file, by compression.

A prediction of 4,000 spots x 18,000 genes: values of a gamma distribution, two fifths of them zero
in the references, 100 citations a spot; or one at hand. It is written by anndata with each
compression, by `spatialrag.write_prediction` ("written"), and read back.

    python benchmarks/files.py --json files.json
    python benchmarks/files.py --prediction S4.h5ad
"""

import argparse
import json
import resource
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag.prediction.citations import Citations
from spatialrag.prediction.prediction import Prediction
from spatialrag.prediction.store import read_prediction, to_anndata, write_prediction

N_CITED, N_CITATIONS, MEASURED = 2000, 100, 0.6
WAYS = {"none": None, "lzf": "lzf", "gzip 4": "gzip"}


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


def measure(prediction, path):
    """Return seconds and MB of a prediction's file by compression."""
    rows = {}

    def write(compression):
        to_anndata(prediction).write_h5ad(path, compression=compression)

    ways = {name: partial(write, compression) for name, compression in WAYS.items()}
    for name, work in {**ways, "written": partial(write_prediction, prediction, path)}.items():
        _, writing = timed(work)
        found, reading = timed(partial(read_prediction, path))
        if not np.array_equal(found.expression, prediction.expression, equal_nan=True):
            raise SystemExit(f"{name}: what was read is not what was written")
        rows[name] = {"write_s": writing, "read_s": reading, "mb": path.stat().st_size / 1e6}
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--spots", type=int, default=4000)
    parser.add_argument("--genes", type=int, default=18_000)
    parser.add_argument("--prediction", type=Path, help="in place of a drawn one")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    given = options.prediction
    prediction = read_prediction(given) if given else draw_prediction(options.spots, options.genes)
    report = dict(zip(("spots", "genes"), prediction.expression.shape, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        report["prediction"] = measure(prediction, Path(folder) / "prediction.h5ad")
    report["peak_rss_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    text = json.dumps(report, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
