"""Figures of `domains.py`'s results; with ``--data`` also maps of one tissue.

python benchmarks/domain_figures.py RESULTS --set starmap --out docs
python benchmarks/domain_figures.py RESULTS --set starmap --out figures --data ../shared/data
"""

import argparse
from pathlib import Path

import matplotlib as mpl
from domain_sets import NO_LABEL, load

from spatialrag import SemST
from spatialrag.domains.controls import SmoothedPCA
from spatialrag.evaluation.domains import read_domain_report
from spatialrag.plots.domains import (
    plot_ablation,
    plot_beside_annotation,
    plot_coefficients,
    plot_modulation,
    plot_semantic_maps,
    plot_sweep,
)
from spatialrag.semantics.descriptions import describe, read_summaries
from spatialrag.semantics.spots import PerGene, RandomSpots

CONTROL = "PCA over 15 neighbors"


def save(ax, path):
    ax.figure.savefig(path, dpi=110, bbox_inches="tight")


def bars(results, name, out):
    parts = {group: results / f"{name}_{group}.json" for group in ("main", "semantics", "fusion")}
    for group, path in parts.items():
        if path.exists():
            ax = plot_ablation(read_domain_report(path).runs)
            ax.set_title(f"{name}, {group}")
            save(ax, out / f"semst_{name}_{group}.png")


def sweep(results, name, out):
    path = results / f"{name}_k_genes.json"
    if not path.exists():
        return
    runs = read_domain_report(path).runs
    runs["k_g"] = runs["arm"].str.removeprefix("k_g ").astype(int)
    control = read_domain_report(results / f"{name}_main.json").mean()[CONTROL]
    save(plot_sweep(runs, x="k_g", control=control), out / f"semst_{name}_k_genes.png")


def maps(data, name, out):
    found = load(name, data)
    truth = [None if str(label) in NO_LABEL else label for label in found.truth]
    described = describe(read_summaries(found.summaries), found.tissue.genes)
    semantics = PerGene(described)
    domains = SemST().fit_predict(found.tissue, n_domains=found.n_domains, semantics=semantics)
    without = SemST().fit_predict(found.tissue, n_domains=found.n_domains)
    control = SmoothedPCA().fit_predict(found.tissue, n_domains=found.n_domains)
    shown = {
        "SemST": without.labels,
        "SemST, descriptions": domains.labels,
        CONTROL: control.labels,
    }
    xy, genes, logs = found.tissue.xy, found.tissue.genes, found.tissue.logs
    save(plot_beside_annotation(truth, shown, xy)[0], out / f"semst_{name}_maps.png")
    save(plot_modulation(domains, xy)[0], out / f"semst_{name}_modulation.png")
    save(plot_coefficients(domains)[0], out / f"semst_{name}_coefficients.png")
    vectors = {
        "descriptions": semantics.of(logs, genes).vectors,
        "random": RandomSpots().of(logs, genes).vectors,
    }
    save(plot_semantic_maps(vectors, without.labels)[0], out / f"semst_{name}_umaps.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--set", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    mpl.use("Agg")
    options.out.mkdir(parents=True, exist_ok=True)
    bars(options.results, options.set, options.out)
    sweep(options.results, options.set, options.out)
    if options.data is not None:
        maps(options.data, options.set, options.out)


if __name__ == "__main__":
    main()
