"""The first picture of the README: layer markers of a mouse that the bank does not hold.

A bank of three olfactory bulb sections of one mouse predicts a section of another mouse from its
H&E alone. Five markers of layers are drawn as measured and as predicted, over the slide, with
Pearson's r and what part of the ceiling it is that the counts allow; below them one value with the
groups of references that it rests on.

    python benchmarks/layer_markers.py ../shared/data/mob_mice --out docs/layer_markers.png
"""

import argparse
import tempfile
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import SubFigure
from scipy import sparse

import spatialrag as sr
from spatialrag.evaluation.scores import measured_beside
from spatialrag.expression.section import Section
from spatialrag.jobs.prediction import PredictRequest, predict
from spatialrag.jobs.queries import QuerySlide
from spatialrag.metrics.ceiling import split_half_per_gene
from spatialrag.metrics.expression import pearson_per_gene
from spatialrag.plots.citations import draw_citations
from spatialrag.prediction.prediction import Prediction

MARKERS = ("Penk", "Doc2g", "Fabp7", "Th", "Cdhr1")
BANK, QUERY = ("Rep1", "Rep2", "Rep4"), "Rep11"
SOURCE = (
    "Mouse olfactory bulb: Ståhl et al., Science 353, 2016. Counts: almaan/sepal (MIT-style), "
    "jfnavarro/st_pipeline (MIT), ludvigla/spaceST; images: tare/Splotch (BSD-3)."
)


def made(folder: Path, encoder: str) -> tuple[Prediction, Section]:
    """Return the prediction of the query and its measured section."""
    sections = {section.slide: section for section in sr.read_cohort(folder / "slides.csv")}
    bank = sr.build_bank([sections[name] for name in BANK], encoder=encoder, thumbnail_px=224)
    query = sections[QUERY]
    asked = PredictRequest(bank, QuerySlide(QUERY, spots=query.located), encoder=encoder)
    return predict(asked).prediction, query


def draw_maps(figure: SubFigure, prediction: Prediction, measured: Section) -> None:
    """Draw measured above predicted maps of each marker."""
    axes = figure.subplots(2, len(MARKERS), squeeze=False)
    for gene, (above, below) in zip(MARKERS, axes.T, strict=True):
        sr.pl.compare(prediction, measured, gene, standardized=True, axes=(above, below))
        _, values, truth = measured_beside(prediction, measured, gene)
        ceiling = _ceiling(measured, gene)
        r = pearson_per_gene(values[:, None], truth[:, None])[0]
        above.set_title(f"{gene}, measured", fontsize=10)
        below.set_title(f"predicted: r {r:.2f}, {r / ceiling:.0%} of the ceiling", fontsize=8)
    figure.suptitle(
        f"{QUERY} of mouse E, predicted from its H&E and a bank of mouse A "
        f"({', '.join(BANK)}); each map in standard deviations from its mean",
        fontsize=11,
    )


def _ceiling(measured: Section, gene: str) -> float:
    """Return the correlation of one half of the counts with the other, on the scale of the maps."""
    column = np.flatnonzero(measured.genes == gene)

    def normalize(half: sparse.csr_matrix) -> np.ndarray:
        totals = np.maximum(np.asarray(half.sum(axis=1)).ravel(), 1)
        return np.log1p(1e4 * half[:, column].toarray() / totals[:, None])

    return float(split_half_per_gene(measured.expression, normalize)[0])


def main() -> None:
    """Predict and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with slides.csv")
    parser.add_argument("--encoder", default="color")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "markers.png")
    given = parser.parse_args()
    prediction, measured = made(given.data, given.encoder)
    figure = plt.figure(figsize=(16, 10.5), layout="constrained")
    maps, evidence, foot = figure.subfigures(3, 1, height_ratios=(1.25, 1, 0.04))
    draw_maps(maps, prediction, measured)
    gene = MARKERS[0]
    spot = str(prediction.spots[np.argmax(prediction.values_of(np.array([gene]))[:, 0])])
    draw_citations(evidence, sr.explain(prediction, spot=spot, gene=gene))
    foot.text(0.005, 0.2, SOURCE, fontsize=7, color="0.4")
    figure.savefig(given.out, dpi=70)


if __name__ == "__main__":
    main()
