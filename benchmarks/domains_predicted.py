"""Domains of tissue nobody sequenced: SemST on expression predicted from H&E.

HER2ST sections B4, C2, C3, C4; each predicted by GeneRAG from the others, its own counts unseen.
Scored against the expression clusters that the data's authors found on measured counts, beside
domains of measured expression, of image embeddings alone, and of predictions given to wrong spots.

    python benchmarks/domains_predicted.py --data ../shared/data --encoder color --out OUT
"""

import argparse
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from spatialrag import GeneRAG, SemST, Tissue, build_bank, compare_domains
from spatialrag.domains.clustering import Clustering
from spatialrag.domains.controls import SmoothedPCA
from spatialrag.domains.domains import Domains
from spatialrag.domains.prepare import prepare
from spatialrag.domains.semst.settings import Objective
from spatialrag.evaluation.domains import Arm
from spatialrag.expression.cohort import read_her2st_cohort
from spatialrag.prediction.store import to_anndata

SECTIONS = ("B4", "C2", "C3", "C4")
GAUSSIAN = SemST(objective=Objective(likelihood="gaussian"))


@dataclass(frozen=True, eq=False)
class Embeddings:
    """k-means on components of image embeddings; expression is not looked at."""

    vectors: np.ndarray
    seed: int = 0

    def fit_predict(self, data, *, n_domains):  # noqa: ARG002
        latent = PCA(20, random_state=0).fit_transform(self.vectors)
        return Domains(Clustering().labels(latent, n_domains, rng=self.seed), latent)


@dataclass(frozen=True, eq=False)
class On:
    """A method on another tissue of the same spots."""

    method: object
    tissue: Tissue = field(repr=False)
    seed: int = 0

    def fit_predict(self, data, *, n_domains):  # noqa: ARG002
        return replace(self.method, seed=self.seed).fit_predict(self.tissue, n_domains=n_domains)


def clusters(data, section, spots):
    path = data / "her2st/res/ST-cluster/lbl" / f"{section}-cluster-annotation.tsv.gz"
    table = pd.read_csv(path, sep="\t", index_col=0)
    named = table["x"].astype(str) + "x" + table["y"].astype(str)
    labels = pd.Series(table["label"].astype(str).to_numpy(object), index=named)
    return labels.reindex(spots).fillna("").to_numpy(object)


def compare(section, bank, measured, data, seeds):
    queries = bank.embeddings_of(section)
    prediction = GeneRAG().fit(bank.without(slides=[section])).predict(queries)
    raw = prepare(to_anndata(prediction))
    counts = prepare(anndata_of(measured), min_spots=5)
    # A few spots have no counts among the genes kept: left out everywhere.
    spots = raw.obs_names[raw.obs_names.isin(counts.obs_names)]
    predicted = Tissue.from_anndata(raw[spots].copy())
    counts = counts[spots].copy()
    order = pd.Index(np.asarray(queries.spots, str)).get_indexer(spots)
    spots = spots.to_numpy(str)
    truth = clusters(data, section, spots)
    permuted = np.random.default_rng(0).permutation(len(spots))
    wrong = replace(predicted, expression=predicted.expression[permuted])
    own = Tissue.from_anndata(counts)
    arms = {
        "SemST on predicted expression": Arm(GAUSSIAN),
        "PCA over 15 neighbors, predicted": Arm(SmoothedPCA()),
        "k-means on PCA, predicted": Arm(SmoothedPCA(k=0)),
        "k-means on image embeddings": Arm(Embeddings(queries.vectors[order])),
        "SemST on shuffled predictions": Arm(On(GAUSSIAN, wrong)),
        "SemST on measured counts": Arm(On(SemST(), own)),
        "PCA over 15 neighbors, measured": Arm(On(SmoothedPCA(), own)),
        "k-means on PCA, measured": Arm(On(SmoothedPCA(k=0), own)),
    }
    k = len(set(truth) - {""})
    report = compare_domains(
        predicted, truth, arms, n_domains=k, seeds=range(seeds), unlabelled=("",)
    )
    report.record["set"] = section
    return report


def anndata_of(section):
    made = ad.AnnData(section.expression, obsm={"spatial": section.xy})
    made.obs_names, made.var_names = section.spots, section.genes
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", default="color")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=None)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    sections = read_her2st_cohort(options.data / "her2st", list(SECTIONS))
    bank = build_bank(sections, encoder=options.encoder, thumbnail_px=0, cache=options.cache)
    for section in sections:
        report = compare(section.slide, bank, section, options.data, options.seeds)
        report.record["encoder"] = options.encoder.split(":")[0]
        report.write(options.out / f"{section.slide}_predicted.json")
        print(f"{section.slide}\n{report.table().to_string()}\n", flush=True)


if __name__ == "__main__":
    main()
