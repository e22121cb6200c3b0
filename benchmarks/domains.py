"""SemST beside controls, its presets, semantics, fusions and other networks, on annotated tissues.

One JSON file and one Markdown table per tissue and group of arms; files that are there are kept, so
that an interrupted run goes on. Labels are for scores alone; epochs and seeds are fixed.

    python benchmarks/domains.py --data ../shared/data --sets starmap bz5 --out OUT
    python benchmarks/domains.py --data ../shared/data --sets bz9 A1 --groups main --out OUT
"""

import argparse
import os
import platform
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from domain_sets import NO_LABEL, load
from sklearn.decomposition import PCA

from spatialrag.domains.baselines.graphst import GraphST
from spatialrag.domains.baselines.spatial_mgcn import SpatialMGCN
from spatialrag.domains.baselines.stagate import STAGATE
from spatialrag.domains.clustering import Clustering
from spatialrag.domains.controls import SmoothedPCA
from spatialrag.domains.domains import Domains
from spatialrag.domains.recipes import recipe
from spatialrag.domains.semst.presets import paper, released
from spatialrag.domains.semst.semst import SemST
from spatialrag.domains.semst.settings import Architecture, Graphs, Objective
from spatialrag.evaluation.domains import Arm, compare_domains
from spatialrag.graphs.ops import neighbor_mean
from spatialrag.graphs.spatial import spatial_graph
from spatialrag.semantics.controls import random_vectors, shuffled
from spatialrag.semantics.descriptions import describe, read_summaries
from spatialrag.semantics.gene_texts import embed_genes
from spatialrag.semantics.sentence import minilm
from spatialrag.semantics.spots import PerGene, PerSpot, RandomSpots
from spatialrag.training.graph import Training

MIXTURE = Clustering("gaussian_mixture")
STARMAP = "mouse_visual_cortex"


class Semantic:
    """Semantics of one tissue, made when they are asked for."""

    def __init__(self, found, cache):
        self.genes, self.cache = found.tissue.genes, cache
        self.summaries = read_summaries(found.summaries)
        self.described = describe(self.summaries, self.genes)

    def descriptions(self, k=30, ranking="scaled"):
        return PerGene(self.described, k=k, ranking=ranking)

    def shuffled(self, seed=0):
        return PerGene(shuffled(self.described, rng=seed))

    def random_genes(self):
        return PerGene(random_vectors(self.genes, 128))

    def minilm(self, kind):
        options = {"summaries": self.summaries, "kind": kind, "cache": self.cache}
        return embed_genes(minilm(), self.genes, **options)

    def prompts(self, prompt):
        return PerSpot(minilm(), prompt=prompt, cache=self.cache)


def main_arms(semantic, _):
    """None, the best real semantics, shuffled, and the controls: for every tissue."""
    return {
        "k-means on PCA": Arm(SmoothedPCA(k=0)),
        "PCA over 15 neighbors": Arm(SmoothedPCA()),
        "PCA over 15 neighbors, 50 components": Arm(SmoothedPCA(n_components=50)),
        "PCA over 15 neighbors, mixture": Arm(SmoothedPCA(clustering=MIXTURE)),
        "SemST, no semantics": Arm(SemST()),
        "SemST, descriptions": Arm(SemST(), semantic.descriptions()),
        "SemST, descriptions shuffled": Arm(SemST(), semantic.shuffled()),
        "SemST, random": Arm(SemST(), RandomSpots()),
        "SemST, no semantics, k-means": Arm(SemST(clustering=Clustering("kmeans"))),
    }


def semantics_arms(semantic, _):
    summaries, symbols = (semantic.minilm(kind) for kind in ("summary", "symbol"))
    given = {
        "none": None,
        "random per spot": RandomSpots(),
        "random per gene": semantic.random_genes(),
        "descriptions (TF-IDF)": semantic.descriptions(),
        "descriptions, by expression": semantic.descriptions(ranking="expression"),
        "descriptions shuffled": semantic.shuffled(0),
        "descriptions shuffled again": semantic.shuffled(1),
        "MiniLM summaries": PerGene(summaries),
        "MiniLM summaries shuffled": PerGene(shuffled(summaries)),
        "MiniLM symbols": PerGene(symbols),
        "MiniLM prompt per spot": semantic.prompts("genes"),
        "MiniLM unrelated text": semantic.prompts("unrelated"),
    }
    return {name: Arm(SemST(), each) for name, each in given.items()}


@dataclass(frozen=True)
class Alone:
    """Semantic vectors by themselves: components averaged over neighborhoods, and a mixture."""

    seed: int = 0

    def fit_predict(self, data, *, n_domains, semantics):
        space = spatial_graph(data.xy, kind="auto", k=15, sections=data.sections)
        values = semantics.of(data.logs, data.genes).vectors
        for _ in range(2):
            values = neighbor_mean(space.connectivities, values)
        latent = PCA(20, random_state=0).fit_transform(values)
        return Domains(MIXTURE.labels(latent, n_domains, rng=self.seed), latent)


def alone_arms(semantic, _):
    """What semantics know of domains without any network, real beside permuted ones."""
    summaries, symbols = (semantic.minilm(kind) for kind in ("summary", "symbol"))
    given = {
        "descriptions (TF-IDF)": semantic.descriptions(),
        **{f"descriptions shuffled, {seed}": semantic.shuffled(seed) for seed in range(5)},
        "MiniLM summaries": PerGene(summaries),
        "MiniLM summaries shuffled": PerGene(shuffled(summaries)),
        "MiniLM symbols": PerGene(symbols),
        "random per gene": semantic.random_genes(),
        "random per spot": RandomSpots(),
    }
    return {name: Arm(Alone(), each) for name, each in given.items()}


def fusion_arms(semantic, _):
    arms = {
        name: Arm(SemST(architecture=Architecture(fusion=name)), semantic.descriptions())
        for name in ("fsm", "separate", "add", "concat", "cross_attention")
    }
    own = SemST(graphs=Graphs(semantics="spot"))
    arms["fsm, the spot's own meaning"] = Arm(own, semantic.descriptions())
    whole = SemST(architecture=Architecture(n_semantic=None))
    arms["fsm, all dimensions"] = Arm(whole, semantic.descriptions())
    return arms


def k_genes_arms(semantic, _):
    return {f"k_g {k}": Arm(SemST(), semantic.descriptions(k)) for k in (5, 10, 20, 30, 50)}


def choice_arms(*_):
    """What the default was chosen among, on BZ5, BZ9 and Rep12; one setting changed at a time."""
    changes = {
        "default": SemST(),
        "k-means": SemST(clustering=Clustering("kmeans")),
        "both branches from the start": SemST(architecture=Architecture(feature_start=1.0)),
        "50 components": SemST(architecture=Architecture(n_components=50, width=50)),
        "no linear path": SemST(architecture=Architecture(linear_path=False, identity=False)),
        "scaled genes, no linear path": SemST(
            architecture=Architecture(inputs="scaled", linear_path=False, identity=False)
        ),
        "feature graph of the input": SemST(graphs=Graphs(features="input")),
        "lambda 0": SemST(objective=Objective(lambda_=0.0)),
        "lambda .2": SemST(objective=Objective(lambda_=0.2)),
        "gamma 0": SemST(objective=Objective(gamma=0.0)),
        "all pairs as printed": SemST(objective=Objective(pairs="all")),
        "300 epochs": SemST(training=Training(epochs=300)),
    }
    return {name: Arm(method) for name, method in changes.items()}


def presets_arms(semantic, name):
    """As printed and as the code runs, ten epochs each kept for the oracle column."""
    known = recipe(STARMAP) if name == "starmap" else None
    forms = {
        "paper": known.paper() if known else paper(gamma=1, lambda_=1, epochs=500),
        "released": known.released() if known else released(gamma=1, epochs=500),
        "default": SemST(),
    }
    arms = {}
    for label, method in forms.items():
        short = min(method.training.epochs, 200)
        training = replace(method.training, epochs=short, trace_every=max(short // 10, 1))
        traced = replace(method, training=training)
        arms[f"{label}, no semantics"] = Arm(traced)
        arms[f"{label}, descriptions"] = Arm(traced, semantic.descriptions())
    return arms


BASELINES = {
    "Spatial-MGCN": SpatialMGCN(),
    "GraphST": GraphST(),
    "STAGATE, 500 epochs": replace(STAGATE(), training=replace(STAGATE().training, epochs=500)),
}


def baselines_arms(semantic, _):
    """With and without FSM, and what permuted genes do through it."""
    arms = {}
    for name, method in BASELINES.items():
        arms[name] = Arm(method)
        arms[f"{name} + fsm"] = Arm(method, semantic.descriptions())
        arms[f"{name} + fsm, shuffled"] = Arm(method, semantic.shuffled())
    return arms


def baselines_fusion_arms(semantic, _):
    return {
        f"{name} + {fusion}": Arm(replace(method, fusion=fusion), semantic.descriptions())
        for name, method in BASELINES.items()
        for fusion in ("concat", "add")
    }


ARMS = {
    "main": main_arms,
    "semantics": semantics_arms,
    "alone": alone_arms,
    "fusion": fusion_arms,
    "k_genes": k_genes_arms,
    "presets": presets_arms,
    "choice": choice_arms,
    "baselines": baselines_arms,
    "baselines_fusion": baselines_fusion_arms,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of real measurements")
    parser.add_argument("--sets", nargs="+", required=True)
    parser.add_argument("--groups", nargs="+", default=["main"], choices=tuple(ARMS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=None, help="folder for vectors of texts")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    for name in options.sets:
        found = load(name, options.data)
        semantic = Semantic(found, options.cache)
        for group in options.groups:
            path = options.out / f"{name.replace('+', '_')}_{group}.json"
            if path.exists():
                continue
            if group == "presets" and name == "starmap":
                # The paper's g.
                found = load(name, options.data, recipe(STARMAP).n_genes)
                semantic = Semantic(found, options.cache)
            report = compare_domains(
                found.tissue,
                found.truth,
                ARMS[group](semantic, name),
                n_domains=found.n_domains,
                seeds=range(options.seeds),
                unlabelled=NO_LABEL,
            )
            report.record.update(environment(name, found))
            report.write(path)
            print(f"{name}, {group}\n{report.table().to_string()}\n", flush=True)


def environment(name, found):
    return {
        "set": name,
        "n_genes": len(found.tissue.genes),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
    }


if __name__ == "__main__":
    main()
