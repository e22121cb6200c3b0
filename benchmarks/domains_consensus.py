"""Consensus beside fixed controls on annotated tissues: method x tissue x seed.

Labels are for scores alone. Shown are means over seeds, and the share of spots whose label changes
between seeds, matched pairwise.

    python benchmarks/domains_consensus.py --data ../shared/data --sets bz5 bz9 rep12 --json F
"""

import argparse
import json
import time
import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from domain_sets import NO_LABEL, load

from spatialrag.domains.clustering import Clustering
from spatialrag.domains.consensus.consensus import Consensus
from spatialrag.domains.controls import NeighborhoodMeans, SmoothedPCA
from spatialrag.evaluation.domains import Arm
from spatialrag.metrics.domains import domain_scores, match_domains

FEATURES = {
    "PCA": lambda c: SmoothedPCA(k=0, clustering=c),
    "PCA, then mean over 15": lambda c: NeighborhoodMeans((15,), clustering=c),
    "mean over 15, then PCA": lambda c: NeighborhoodMeans((15,), "mean_first", clustering=c),
    "ranges 5, 15, 45": lambda c: NeighborhoodMeans(clustering=c),
}
CLUSTERINGS = {"k-means": Clustering("kmeans"), "tied": Clustering("gaussian_mixture")}


def arms():
    made = {
        f"{name}, {by}": Arm(make(clustering))
        for name, make in FEATURES.items()
        for by, clustering in CLUSTERINGS.items()
    }
    return {"consensus": Arm(Consensus())} | made


def rows_of(name, found, seeds):
    rows, labels = [], {}
    for arm, each in arms().items():
        labels[arm] = []
        for seed in range(seeds):
            start = time.process_time()
            domains = each.run(found.tissue, found.n_domains, seed)
            seconds = time.process_time() - start
            scores = domain_scores(found.truth, domains.labels, unlabelled=NO_LABEL)
            kept = {key: scores[key] for key in ("ari", "nmi", "f1_macro")}
            rows.append({"tissue": name, "method": arm, "seed": seed, **kept, "cpu_s": seconds})
            labels[arm].append(domains.labels)
        changed = [np.mean(match_domains(a, b) != a) for a, b in combinations(labels[arm], 2)]
        for row in rows[-seeds:]:
            row["changed"] = float(np.mean(changed)) if changed else 0.0
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    rows = []
    for name in options.sets:
        rows += rows_of(name, load(name, options.data), options.seeds)
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
        frame = pd.DataFrame(row for row in rows if row["tissue"] == name)
        table = frame.groupby("method", sort=False).agg(
            ari=("ari", "mean"), sd=("ari", "std"), nmi=("nmi", "mean"), f1=("f1_macro", "mean"),
            changed=("changed", "mean"), cpu_s=("cpu_s", "mean"),
        )  # fmt: skip
        print(f"{name}\n{table.round(3).to_string()}\n", flush=True)


if __name__ == "__main__":
    main()
