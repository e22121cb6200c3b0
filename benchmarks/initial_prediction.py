"""Why GeneRAG loses over weak backbones: what changing the initial prediction does.

Each of four HER2ST sections is left out. A backbone is trained on the others, and again without
each of them, so that its errors on references are known. GeneRAG then starts from

- as is: what the backbone predicts;
- centered: moved, gene by gene, to the references' mean;
- shrunk: towards the references' mean by the slope of what was measured on what was predicted,
  over the references left out; by gene: with a slope of each gene;
- w .3, w .9: as is, with more weight on images (the default is .05).

    python benchmarks/initial_prediction.py ../shared/data --encoder onnx:FILE --json FILE
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from spatialrag import GeneRAG, build_bank
from spatialrag.encoders.encoder import make_encoder
from spatialrag.evaluation.panel import fix_panel
from spatialrag.evaluation.report import scores_markdown
from spatialrag.expression.cohort import read_her2st_cohort
from spatialrag.metrics.expression import pcc_k, pearson_per_gene
from spatialrag.prediction.backbones.backbone import TrainedBackbone, make_backbone
from spatialrag.provenance import origin

SCALE = "log1p_cp10k"
SLIDES = ["B4", "C2", "C3", "C4"]
BACKBONES = ["linear", "probe", "histogene", "bleep", "triplex", "deepspot"]
# Spots' worth of the common slope that a gene's own slope starts from.
PRIOR = 10


@dataclass(frozen=True, eq=False)
class Changed:
    """A trained backbone whose prediction is spread by ``slope`` around ``mean``."""

    trained: TrainedBackbone
    mean: np.ndarray
    slope: np.ndarray
    centered: bool = False
    scale: str = SCALE

    @property
    def genes(self):
        return self.trained.genes

    def predict(self, queries):
        values = predicted(self.trained, queries)
        around = values.mean(axis=0) if self.centered else self.mean
        return self.mean + self.slope * (values - around)


def predicted(trained, queries):
    """What the backbone predicts, raised to 0 as GeneRAG does."""
    return np.maximum(trained.predict(queries), 0)


def measured(bank, genes):
    return bank.on_scale(SCALE)[:, bank.columns_of(genes)].toarray()[~bank.empty]


def slopes(settings, references, core):
    """Slope of measured on predicted over references left out: of all genes, and of each."""
    products, squares = np.zeros(len(core)), np.zeros(len(core))
    for slide in references.slides.index:
        held = references.select([slide])
        trained = settings.fit(references.without(slides=[slide]), core, scale=SCALE)
        found = predicted(trained, held.embeddings_of(slide))[~held.empty]
        found, truth = found - found.mean(axis=0), measured(held, core)
        products += (found * (truth - truth.mean(axis=0))).sum(axis=0)
        squares += np.square(found).sum(axis=0)
    common = float(np.clip(products.sum() / squares.sum(), 0, 1))
    prior = PRIOR * squares.mean() / references.n_references
    return common, np.clip((products + common * prior) / (squares + prior), 0, 1)


def scores(values, test, panel):
    """Core PCC-300 and, where all genes are predicted, global PCC-1000."""
    found = {}
    for group, genes, k in (("core", panel.genes[:300], 300), ("global", panel.genes, 1000)):
        if values.shape[1] >= len(genes):
            r = pearson_per_gene(values[~test.empty, : len(genes)], measured(test, genes))
            found[group] = round(pcc_k(r, k), 4)
    return found


def variations(trained, mean, common, by_gene):
    """How the initial prediction enters, and the weight of images."""
    ones, default = np.ones(len(mean)), GeneRAG().image_weight
    yield "as is", trained, default
    yield "centered", Changed(trained, mean, ones, centered=True), default
    yield "shrunk", Changed(trained, mean, common * ones), default
    yield "by gene", Changed(trained, mean, by_gene), default
    yield "w .3", trained, 0.3
    yield "w .9", trained, 0.9


def rows_of(bank, name, slide):
    references, test = bank.without(slides=[slide]), bank.select([slide])
    queries, panel = test.embeddings_of(slide), fix_panel(references, test.genes)
    core, settings = panel.genes[:300], make_backbone(name)
    trained = settings.fit(references, core, scale=SCALE)
    common, by_gene = slopes(settings, references, core)
    base = {"backbone": name, "slide": slide, "slope": round(common, 4)}
    yield base | {"start": "alone"} | scores(predicted(trained, queries), test, panel)
    mean = measured(references, core).mean(axis=0)
    method = GeneRAG(scale=SCALE, n_anchors=len(core))
    for start, backbone, weight in variations(trained, mean, common, by_gene):
        fitted = replace(method, backbone=backbone, image_weight=weight).fit(references)
        values = np.nan_to_num(fitted.predict(queries).values_of(panel.genes))
        yield base | {"start": start} | scores(values, test, panel)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="a folder with her2st/")
    parser.add_argument("--encoder", default="color")
    parser.add_argument("--backbones", nargs="+", default=BACKBONES)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    encoder = make_encoder(options.encoder)
    bank = build_bank(
        read_her2st_cohort(options.data / "her2st", SLIDES),
        encoder=encoder,
        thumbnail_px=0,
        cache=options.cache,
    )
    rows = []
    for name in options.backbones:
        for slide in SLIDES:
            for row in rows_of(bank, name, slide):
                rows.append(row)
                print(row, flush=True)
    table = pd.DataFrame(rows)
    order = list(dict.fromkeys(table["start"]))
    for group in ("core", "global"):
        wide = table.pivot_table(group, "backbone", "start", sort=False)
        wide = wide.reindex(columns=[start for start in order if start in wide])
        wide.insert(0, "slope", table.groupby("backbone")["slope"].mean())
        print(f"\n{group}\n{scores_markdown(wide, index='backbone')}")
    if options.json:
        record = origin() | {"encoder": encoder.name, "rows": rows}
        options.json.write_text(json.dumps(record, indent=1, default=np.generic.item) + "\n")


if __name__ == "__main__":
    main()
