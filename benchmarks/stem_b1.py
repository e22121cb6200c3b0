"""Plug-and-play on a real external model: Stem's predictions of HER2ST section B1.

Bank: the counts of the other 35 sections, no images. Stem predicts 100 genes (20 samples, averaged)
on the log2(count + 1) scale. Two tables, one per truth scale:

* ``log1p``: as Stem predicts (Pearson's r ignores the logarithm's base). Depth dominates.
* ``log1p_cp10k``: composition. Stem's panel is closed to the panel's mean share of all counts in
  the bank, because the depth over all genes is unknown.

``one_number`` is the mean of Stem's own predictions, used for every gene. ``beyond`` is the mean
partial correlation over genes, given that number.

    python benchmarks/stem_b1.py ../shared/data --json stem_b1.json
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from spatialrag import GeneRAG, build_bank
from spatialrag.bank.bank import section_of
from spatialrag.evaluation.panel import Panel, fix_panel
from spatialrag.evaluation.report import scores_markdown
from spatialrag.evaluation.scores import evaluate
from spatialrag.expression.cohort import read_her2st_cohort
from spatialrag.metrics.expression import pearson_per_gene
from spatialrag.prediction.backbones.from_file import FromFile
from spatialrag.prediction.controls import (
    BackboneOnly,
    DepthOnly,
    MeanProfile,
    Neighbors,
    log_depth,
    mean_profile,
    spread_depth,
)
from spatialrag.prediction.prediction import Prediction
from spatialrag.provenance import origin
from spatialrag.replace import replace_text

QUERY = "B1"
STRENGTHS = (0.003, 0.03, 0.1, 0.3)


@dataclass(frozen=True)
class Closed:
    """Stem's counts as a composition, closed to the panel's mean share in the bank."""

    stem: FromFile
    share: float
    scale: str = "log1p_cp10k"

    @property
    def genes(self):
        return self.stem.genes

    def predict(self, queries):
        counts = np.expm1(np.maximum(self.stem.predict(queries), 0))
        return np.log1p(1e4 * self.share * counts / counts.sum(axis=1, keepdims=True))


def methods(stem, bank, scale):
    panel = bank.expression[:, np.searchsorted(bank.genes, stem.genes)]
    share = float(panel.sum() / bank.expression.sum())
    backbone = stem if scale == "log1p" else Closed(stem, share)
    common = {"image_weight": 0.0, "scale": scale, "backbone": backbone, "n_anchors": 100}
    rows = {"stem": BackboneOnly(backbone, None, scale)}
    for strength in STRENGTHS:
        rows[f"generag (strength {strength:g})"] = GeneRAG(strength=strength, **common)
    rows["neighbors"] = Neighbors(50, backbone, 100, scale)
    rows["one_number"] = DepthOnly(scale, backbone=stem)
    rows["mean_profile"] = MeanProfile(scale)
    return rows


def beyond(prediction, truth, number):
    """Mean partial correlation of prediction and truth given one number per spot."""
    design = np.column_stack([np.ones(len(number)), number])

    def residual(values):
        rest = values - design @ np.linalg.lstsq(design, values)[0]
        # What is left of a multiple of the number is rounding.
        return np.where(rest.std(axis=0) > 1e-4 * values.std(axis=0), rest, 0)

    return float(pearson_per_gene(residual(np.nan_to_num(prediction)), residual(truth)).mean())


def table(stem, bank, section, scale):
    references = bank.without(slides=[QUERY])
    queries, held_out = section.located, bank.select([QUERY])
    ranked = fix_panel(references, section.genes, n_core=100, n_global=5000)
    rest = [gene for gene in ranked.genes if gene not in set(stem.genes)]
    panel = Panel(np.array([*stem.genes, *rest[:4900]]), 100)
    truth = held_out.on_scale(scale)[:, np.searchsorted(held_out.genes, stem.genes)].toarray()
    number = stem.predict(queries).mean(axis=1)
    oracle = spread_depth(log_depth(held_out), mean_profile(references, scale))
    predictions = {
        name: method.fit(references).predict(queries)
        for name, method in methods(stem, references, scale).items()
    }
    predictions["depth_oracle"] = Prediction(
        QUERY, section.spots, section.xy, references.genes, oracle, scale
    )
    rows = {}
    for name, prediction in predictions.items():
        groups = ("core",) if name == "stem" else ("core", "global")
        scores = evaluate(prediction, section, panel=panel, groups=groups).summary
        rows[name] = {"stem_genes": scores["core"]["pcc_all"], "pcc_50": scores["core"]["pcc_50"]}
        rows[name]["beyond"] = beyond(prediction.values_of(stem.genes), truth, number)
        if "global" in scores:
            rows[name] |= {k: scores["global"][k] for k in ("pcc_1000", "pcc_5000")}
        if prediction.citations is not None:
            rows[name]["references"] = prediction.citations.n_active.mean()
    return pd.DataFrame(rows).T


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with her2st/ and stem_predictions/")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    bank = build_bank(read_her2st_cohort(arguments.data / "her2st"), thumbnail_px=0)
    section = section_of(bank, QUERY)
    xy = bank.select([QUERY]).references[["x", "y"]].to_numpy(float)
    section = type(section)(**{**vars(section), "xy": xy})
    counts = pd.read_csv(
        arguments.data / "her2st/data/ST-cnts/B1.tsv.gz", sep="\t", index_col=0, usecols=[0]
    )
    folder = arguments.data / "stem_predictions"
    stem = FromFile(
        folder / "B1_stem_100genes_20samples.pt",
        scale="log2p1",
        genes=folder / "B1_stem_100genes.txt",
        spots=counts.index,
        samples=20,
    )
    result = {"origin": origin(), "bank": bank.without(slides=[QUERY]).fingerprint}
    for scale in ("log1p", "log1p_cp10k"):
        frame = table(stem, bank, section, scale)
        print(f"\nTruth: {scale}, {section.n_spots} spots\n\n{scores_markdown(frame)}")
        result[scale] = frame.astype(object).where(frame.notna(), None).T.to_dict()
    if arguments.json:
        replace_text(arguments.json, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
