"""The main job from end to end on the toy tissue."""

from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag.bank.bank import Bank, section_of
from spatialrag.bank.store import write_bank
from spatialrag.evaluation.loso import loso
from spatialrag.evaluation.methods import standard_rows
from spatialrag.evaluation.report import CORE_COLUMNS, GLOBAL_COLUMNS, Report
from spatialrag.explanation.explanation import Explanation
from spatialrag.expression.normalize import to_scale
from spatialrag.jobs.banks import BuildRequest, build
from spatialrag.jobs.explanation import ExplainRequest, explain
from spatialrag.jobs.outputs import write_json
from spatialrag.jobs.prediction import PredictRequest, PredictResult, predict
from spatialrag.jobs.queries import QuerySlide
from spatialrag.jobs.slides import Slides
from spatialrag.plots import page
from spatialrag.plots.citations import plot_citations
from spatialrag.plots.maps import plot_pair
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.prediction import Prediction
from spatialrag.replace import replace_text
from spatialrag.toy import ToyTissue, make_toy

QUERY = "toy4"
_ROWS = ("generag", "backbone", "ridge_all", "neighbors", "depth_only", "mean_profile")
_N_MAPS = 6


@dataclass(frozen=True, eq=False)
class Demo:
    """What the demo made.

    Parameters
    ----------
    out
        Folder with bank.zarr, prediction.h5ad, summary.json and report.html.
    report
        Scores of the query slide and of every control.
    explanation
        One value's evidence.
    """

    out: Path
    report: Report
    explanation: Explanation


def run_demo(out: str | Path, *, settings: ToyTissue | None = None) -> Demo:
    """Draw the toy tissue, build a bank, predict a held-out slide, explain and score it.

    Parameters
    ----------
    out
        Folder to write into.
    settings
        The toy tissue to draw.
    """
    out = Path(out)
    cohort = Slides(make_toy(out / "toy", settings=settings))
    everything = build(BuildRequest(cohort, encoder="color", cache=out / "cache")).bank
    bank = everything.without(slides=[QUERY])
    write_bank(bank, out / "bank.zarr", overwrite=True)
    located = replace(cohort, names=(QUERY,)).read()[0].located
    request = PredictRequest(
        bank,
        QuerySlide(QUERY, spots=located),
        encoder="color",
        cache=out / "cache",
        out=out / "prediction.h5ad",
    )
    result, method = predict(request), GeneRAG()
    prediction = result.prediction
    rows = [row for row in standard_rows(method, everything) if row.name in _ROWS]
    report = loso(everything, settings=method, rows=rows, slides=[QUERY])
    genes = _best_genes(report)
    spot = _clearest_spot(prediction, genes[0])
    explanation, _ = explain(ExplainRequest(prediction, spot, genes[0]))
    write_json(out / "summary.json", _summary(bank, result, report))
    measured = everything.select([QUERY])
    replace_text(out / "report.html", _page(bank, prediction, report, explanation, measured, genes))
    return Demo(out, report, explanation)


def _best_genes(report: Report) -> list[str]:
    """Return core genes spread over the range of scores, best first: not only the best ones."""
    scores = report.slides[QUERY]["generag"]["per_gene"]
    ranked = scores[scores["core"]].sort_values("pearson", ascending=False)
    chosen = np.linspace(0, 0.6 * len(ranked), _N_MAPS).astype(int)
    return ranked.index[np.minimum(chosen, len(ranked) - 1)].tolist()


def _clearest_spot(prediction: Prediction, gene: str) -> str:
    return str(prediction.spots[np.nanargmax(prediction.values_of(np.array([gene]))[:, 0])])


def _summary(bank: Bank, result: PredictResult, report: Report) -> dict[str, object]:
    return {
        "note": "toy tissue: generated data; these scores say nothing about real slides",
        "query_slide": result.prediction.slide,
        "bank": {
            "fingerprint": bank.fingerprint,
            "references": bank.n_references,
            "genes": len(bank.genes),
            "slides": bank.slides.index.tolist(),
        },
        "prediction": result.facts,
        "scores": report.to_json()["slides"][QUERY],
    }


def _page(
    bank: Bank,
    prediction: Prediction,
    report: Report,
    explanation: Explanation,
    measured: Bank,
    genes: list[str],
) -> str:
    record = prediction.record
    gap = pd.DataFrame(prediction.certificate)["relative_gap"].max()
    facts = (
        f"Slide {QUERY} was predicted from {bank.n_references} measured spots of "
        f"{', '.join(bank.slides.index)}. Expression scale: {prediction.scale}. spatialrag "
        f"{record['spatialrag']}, bank {bank.fingerprint[:12]}, largest relative duality gap "
        f"{gap:.1e}."
    )
    note = "The tissue is generated: the scores show that the parts work, not how well."
    frames = {
        "core: the 300 genes most variable in the references": ("core", CORE_COLUMNS),
        "global: all genes measured by every slide": ("global", GLOBAL_COLUMNS),
    }
    frames = {note: report.table(*asked, QUERY) for note, asked in frames.items()}
    tables = [
        page.paragraph(note, note=True) + page.table(frame, index="method")
        for note, frame in frames.items()
    ]
    tables.append(page.legend(frames.values()))
    return page.page(
        "From an H&E slide to a cited transcriptome: the toy tissue",
        [
            ("", [page.paragraph(facts), page.paragraph(note, note=True)]),
            ("Measured and predicted", [_maps(prediction, report, measured, genes)]),
            ("One value and its citations", _citation_parts(explanation)),
            ("Scores beside the controls", tables),
        ],
    )


def _maps(prediction: Prediction, report: Report, measured: Bank, genes: list[str]) -> str:
    section = section_of(measured, QUERY)
    truth = to_scale(
        section.expression, stored=section.scale, wanted=prediction.scale, totals=section.totals
    )
    r = report.slides[QUERY]["generag"]["per_gene"]["pearson"]
    figure, axes = plt.subplots(
        len(genes) // 2, 4, figsize=(14, 3.2 * (len(genes) // 2)), layout="constrained"
    )
    columns = pd.Index(section.genes).get_indexer(genes)
    for pair, gene, column in zip(axes.reshape(-1, 2), genes, columns, strict=True):
        plot_pair(
            prediction.values_of(np.array([gene]))[:, 0],
            sparse.csr_matrix(truth[:, [column]]).toarray().ravel(),
            prediction.xy,
            gene=gene,
            r=r[gene],
            scale=prediction.scale,
            tissue=prediction.tissue,
            mpp=prediction.mpp,
            axes=tuple(pair),
        )
    return page.picture(figure, description="measured and predicted maps")


def _citation_parts(explanation: Explanation) -> list[str]:
    text = (
        f"{explanation.gene} in spot {explanation.spot} is predicted as {explanation.value:.4f}: "
        f"the sum of {len(explanation.citations)} contributions ({explanation.cited_value:.4f}). "
        f"Morphology accounts for {explanation.from_morphology:.0%} of the fit, anchor genes for "
        f"{explanation.from_anchors:.0%}. 'change' is what the value becomes less what it is when "
        "the reference is left out and the weights are solved again (done for the strongest 3)."
    )
    columns = [
        "slide",
        "donor",
        "weight",
        "share",
        "measured",
        "contribution",
        "change",
        "top_genes",
    ]
    frame = explanation.citations.set_index("reference")[columns].head(10)
    return [
        page.paragraph(text),
        page.picture(plot_citations(explanation), description="query patch and its groups"),
        page.table(explanation.groups, index="group"),
        page.table(frame, index="reference"),
    ]
