"""RAG-ST on HER2ST sections B4, C2, C3, C4: both stages, zero-shot genes, and their controls.

Folds leave a section out, and a donor out (C from B4 alone, B4 from C). JSON per part; parts that
are there are kept.

    python benchmarks/ragst.py --data ../shared/data --encoder onnx:FILE --cache CACHE --out OUT
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spatialrag import build_bank, loso
from spatialrag.cells.build import cells_from_anndata, cells_from_profiles, join_cells
from spatialrag.cells.deconvolve import deconvolve
from spatialrag.cells.types import read_type_map
from spatialrag.encoders.encoder import make_encoder
from spatialrag.evaluation.methods import Row, ragst_rows, standard_rows
from spatialrag.evaluation.panel import fix_panel
from spatialrag.expression.cohort import read_her2st_cohort
from spatialrag.expression.proportions import read_her2st_proportions
from spatialrag.metrics.composition import calibration_curve, composition_scores
from spatialrag.metrics.expression import pcc_k, pearson_per_gene
from spatialrag.prediction.controls import DepthOnly, MeanProfile
from spatialrag.prediction.features import Features
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.prediction import Prediction
from spatialrag.prediction.ragst.composition import Composition
from spatialrag.prediction.ragst.first_stage import groups_of
from spatialrag.prediction.ragst.mixture import ProportionsTimesProfiles
from spatialrag.prediction.ragst.ragst import RAGST
from spatialrag.provenance import origin
from spatialrag.retrieval.neighbors import nearest

SECTIONS = ("B4", "C2", "C3", "C4")
SCALE = "log1p_cp10k"


def breast_cells(data):
    """The 562 cells, with type means (Wu et al. 2021) for the two types that have none."""
    kinds = read_type_map("breast_major")
    folder = data / "celltypes"
    cells = cells_from_anndata(
        ad.read_h5ad(folder / "breast_cells_562.h5ad"), dataset="breast", type_map=kinds
    )
    means = cells_from_profiles(
        folder / "wu2021_dwls_major_1695x9.csv.gz",
        dataset="wu2021",
        type_map=kinds,
        only=["B-cells", "Plasma Cells"],
    )
    return join_cells([cells, means])


def folds(bank):
    for slide in bank.slides.index:
        yield "slide", slide, bank.without(slides=[slide])
    for slide in bank.slides.index:
        yield "donor", slide, bank.without(donors=[bank.slides.loc[slide, "donor"]])


def stage1(bank, data, _):
    """Per-type Pearson over spots, Jensen-Shannon distance and calibration of each head."""
    rows = []
    for tier in ("major", "minor"):
        proportions = read_her2st_proportions(data / "her2st", bank.slides.index, tier=tier)
        for kind, slide, references in folds(bank):
            test = bank.select([slide])
            truth = proportions.of(test.references.index)
            for name, predicted in heads(references, test, proportions).items():
                curve = calibration_curve(truth, predicted).to_dict("list")
                rows.append(
                    {"tier": tier, "leave": kind, "slide": slide, "head": name}
                    | composition_scores(truth, predicted)
                    | {"curve": curve}
                )
    return rows


def heads(references, test, proportions):
    x, y = references.embeddings, proportions.of(references.references.index)
    z = test.embeddings
    groups = groups_of(references, np.arange(references.n_references))
    head = Composition().fit(x, y, types=proportions.types, groups=groups)
    ridge = make_pipeline(StandardScaler(), RidgeCV(np.geomspace(10, 1e6, 11))).fit(x, y)
    features = Features.fit(x, 64)
    index = nearest(features.transform(z), features.transform(x), k=30)
    return {
        "stage 1": head.predict(z),
        "ridge": simplex(ridge.predict(z)),
        "30 nearest neighbors": y[index].mean(axis=1),
        "mean composition": np.tile(y.mean(axis=0), (len(z), 1)),
    }


def simplex(values):
    values = np.maximum(values, 1e-6)
    return values / values.sum(axis=1, keepdims=True)


class DirectMLP:
    """Patch embedding to all core and global genes by a perceptron (scikit-learn), no retrieval."""

    scale = SCALE

    def fit(self, bank):
        genes = bank.genes[bank.measured_everywhere]
        panel = fix_panel(bank, genes)
        rows = ~bank.empty
        features = Features.fit(bank.embeddings[rows], 256)
        x = features.transform(bank.embeddings[rows])
        y = bank.on_scale(SCALE)[rows][:, bank.columns_of(panel.genes)].toarray()
        network = MLPRegressor(
            hidden_layer_sizes=(256,), alpha=1.0, early_stopping=True, random_state=0, max_iter=300
        )
        return FittedMLP(bank, panel.genes, features, x.std(), network.fit(x / x.std(), y))


class FittedMLP:
    def __init__(self, bank, genes, features, spread, network):
        self.bank, self.genes, self.features = bank, genes, features
        self.spread, self.network = spread, network

    def predict(self, queries):
        values = self.network.predict(self.features.transform(queries.vectors) / self.spread)
        return Prediction(
            slide=queries.slide,
            spots=queries.spots,
            xy=queries.xy,
            genes=self.genes,
            expression=np.maximum(values, 0).astype(np.float32),
            scale=SCALE,
        )


WANTED = ("generag", "backbone", "ridge_all", "neighbors", "depth_only", "mean_profile")


def stage2(leave):
    def run(bank, data, cells):
        proportions = read_her2st_proportions(data / "her2st", bank.slides.index)
        settings = RAGST(cells, proportions)
        rows = ragst_rows(settings)
        rows.append(Row("ragst_deconvolved", replace(settings, proportions=None)))
        rows.append(Row("direct_mlp", DirectMLP()))
        rows += [row for row in standard_rows(GeneRAG(), bank) if row.name in WANTED]
        return loso(bank, rows=rows, leave=leave)

    return run


def zero_shot(bank, data, cells):
    """Hide half the genes from every spatial target in training, and score that half."""
    proportions = read_her2st_proportions(data / "her2st", bank.slides.index)
    rows = []
    for kind, slide, references in folds(bank):
        test = bank.select([slide])
        panel = fix_panel(references, test.genes)
        panel_genes = panel.genes[np.isin(panel.genes, cells.genes)]
        hidden = np.random.default_rng(0).permutation(panel_genes)[: len(panel_genes) // 2]
        seen = only_genes(references, ~np.isin(references.genes, hidden))
        queries = test.embeddings_of(slide)
        truth = test.on_scale(SCALE)[:, test.columns_of(hidden)].toarray()[~test.empty]
        methods = {
            "ragst": RAGST(cells, proportions),
            "proportions_x_profiles": ProportionsTimesProfiles(cells, proportions),
            "types_permuted": ProportionsTimesProfiles(cells, proportions, permuted=True),
            "mean_profile": MeanProfile(SCALE),
            "depth_only": DepthOnly(SCALE),
        }
        for name, method in methods.items():
            prediction = method.fit(seen).predict(queries)
            values = prediction.values_of(hidden)
            if name in ("mean_profile", "depth_only"):
                # One number per spot for every gene: that of any gene that was seen.
                values = np.repeat(prediction.expression[:, :1], len(hidden), axis=1)
            r = pearson_per_gene(np.nan_to_num(values)[~test.empty], truth)
            rows.append(
                {"leave": kind, "slide": slide, "method": name, "n_hidden": len(hidden)}
                | {"pcc_all": float(r.mean()), "pcc_300": pcc_k(r, 300)}
            )
    return rows


def only_genes(bank, keep):
    """Depths stay those of all genes: they are known without knowing which genes they are of."""
    return replace(
        bank,
        expression=bank.expression[:, keep],
        genes=bank.genes[keep],
        measured=bank.measured[keep],
    )


def deconvolution(bank, data, cells):
    """Our proportions against the published ones (stereoscope), per type over spots."""
    published = read_her2st_proportions(data / "her2st", bank.slides.index)
    kinds = read_type_map("breast_major")
    path = data / "celltypes" / "wu2021_dwls_major_1695x9.csv.gz"
    means = cells_from_profiles(path, dataset="wu2021", type_map=kinds)
    rows = []
    for name, references in (("cells + 2 type means", cells), ("9 type means", means)):
        found = deconvolve(bank.expression, bank.genes, bank.references.index, references)
        truth = published.of(found.spots)
        ours = pd.DataFrame(found.values, columns=found.types)[published.types].to_numpy()
        slides = np.array([spot.split(":")[0] for spot in found.spots])
        by_slide = [pearson_per_gene(ours[slides == s], truth[slides == s]) for s in SECTIONS]
        r = np.mean(by_slide, axis=0)
        rows.append(
            {"references": name, "overall": float(np.corrcoef(ours.ravel(), truth.ravel())[0, 1])}
            | dict(zip(published.types.tolist(), map(float, r), strict=True))
        )
    return rows


PARTS = {
    "stage1": stage1,
    "deconvolution": deconvolution,
    "zero_shot": zero_shot,
    "slide": stage2("slide"),
    "donor": stage2("donor"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", default="color")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    encoder = make_encoder(options.encoder)
    sections = read_her2st_cohort(options.data / "her2st", SECTIONS)
    bank = build_bank(sections, encoder=encoder, thumbnail_px=0, cache=options.cache)
    cells = breast_cells(options.data)
    kind = options.encoder.split(":")[0]
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.parts:
        path = options.out / f"ragst_{kind}_{name}.json"
        if path.exists():
            continue
        started = time.perf_counter()
        found = PARTS[name](bank, options.data, cells)
        if isinstance(found, list):
            record = origin() | {"rows": found, "seconds": time.perf_counter() - started}
            path.write_text(json.dumps(record, indent=1) + "\n")
        else:
            found.write(path)
        print(name, f"{time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
