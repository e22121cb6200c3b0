"""Score a prediction against measured counts, beside the controls that need no images."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from spatialrag.bank.bank import Bank
from spatialrag.bank.copies import find_copies
from spatialrag.bank.store import read_bank
from spatialrag.errors import InputError
from spatialrag.evaluation.columns import ORACLE
from spatialrag.evaluation.oracle import depth_oracle
from spatialrag.evaluation.panel import Panel, fix_panel
from spatialrag.evaluation.report import Report
from spatialrag.evaluation.scores import (
    evaluate as score,
    null_levels,
    smooth_levels,
    surrogates_for,
)
from spatialrag.expression.normalize import Scale
from spatialrag.expression.read import read_section
from spatialrag.expression.section import Section
from spatialrag.expression.table import read_frame
from spatialrag.jobs.outputs import check_outputs, write_json
from spatialrag.metrics.biology import read_gmt
from spatialrag.metrics.surrogates import Surrogates
from spatialrag.prediction.controls import MeanProfile
from spatialrag.prediction.prediction import Prediction
from spatialrag.prediction.store import read_prediction
from spatialrag.slides.spots import Spots


@dataclass(frozen=True, eq=False)
class EvaluateRequest:
    """A prediction, the bank that fixes the genes, and the measured section.

    Parameters
    ----------
    prediction, bank, measured
        Files, or what they hold.
    n_core, n_global
        Panel sizes, see `spatialrag.fix_panel`.
    gmt
        Gene sets to score per spot.
    regions
        Table of spot and region: markers are compared.
    layer, scale, library, gene_column
        Of a measured file, as in `spatialrag.read_section`.
    json
        Scores to write as JSON.
    overwrite
        Replace files that exist.
    """

    prediction: Path | Prediction
    bank: Path | Bank
    measured: Path | Section
    n_core: int = 300
    n_global: int = 5000
    gmt: Path | None = None
    regions: Path | None = None
    layer: str | None = None
    scale: Scale | None = None
    library: str | None = None
    gene_column: str | None = None
    json: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True, eq=False)
class EvaluateResult:
    """Scores of a prediction and of the controls.

    Parameters
    ----------
    report
        The table, its slide the predicted one.
    markers
        Share of each region's 20 measured markers among its predicted ones; empty without regions.
    notes
        What reading the measured section left out or changed.
    """

    report: Report
    markers: Mapping[str, float]
    notes: tuple[str, ...]


def evaluate(request: EvaluateRequest) -> EvaluateResult:
    """Score a prediction beside measured depth, the mean profile and random smooth maps.

    Raises
    ------
    InputError
        Outputs that cannot be written, files that cannot be read, spots or genes not in common.
    """
    read = (request.prediction, request.bank, request.measured, request.gmt, request.regions)
    check_outputs(request.json, overwrite=request.overwrite, inputs=read)
    result, section, bank = _read(request)
    references = bank
    if result.slide in bank.slides.index:
        references = bank.without(slides=[result.slide])
    panel = fix_panel(references, section.genes, n_core=request.n_core, n_global=request.n_global)
    labels = None
    if request.regions is not None:
        frame = read_frame(request.regions)
        if frame.shape[1] == 0:
            raise InputError(
                f"{request.regions} has no column of regions",
                expected="a table of spot names and, second, each one's region",
                got="one column",
            )
        labels = frame[frame.columns[0]].reindex(section.spots).fillna("none").to_numpy(str)
    surrogates = surrogates_for(result, section)
    scores = score(
        result,
        section,
        panel=panel,
        gene_sets=read_gmt(request.gmt) if request.gmt else None,
        regions=labels,
        surrogates=surrogates,
    )
    seen = _seen(result, bank, section)
    method = str(result.record.get("method", "prediction"))
    entries = {f"{method} (saw this slide)" if seen else method: scores.entry}
    entries |= _controls(result, section, references, panel, surrogates)
    if levels := smooth_levels(entries):
        entries["null_smooth"] = levels
    entries["null"] = null_levels(scores.n_spots, panel)
    found = {"scores": entries, "gene_sets": scores.gene_sets, "markers": scores.markers}
    notes = (*section.notes, *seen)
    write_json(request.json, found | {"n_spots": scores.n_spots, "notes": notes})
    return EvaluateResult(Report({result.slide: entries}), scores.markers or {}, notes)


def _seen(prediction: Prediction, bank: Bank, section: Section) -> tuple[str, ...]:
    """Return why a prediction may rest on the slide that it is scored on; nothing if it does not.

    What predicted it left a slide of its own name out, and refused known copies unless they were
    allowed; the counts that are scored are known only now.
    """
    allowed = {
        str(copy["slide"]) for copy in prediction.record.get("copies", ()) if not copy["left_out"]
    }
    citations = prediction.citations
    cited = set() if citations is None else set(citations.slides)
    by_counts = find_copies(bank, slide=prediction.slide, section=section)
    allowed |= {copy.slide for copy in by_counts if copy.slide in cited}
    return tuple(
        f"{prediction.slide} was predicted from {slide}, a copy of it: its scores say nothing"
        for slide in sorted(allowed)
    )


def _read(request: EvaluateRequest) -> tuple[Prediction, Section, Bank]:
    bank = request.bank if isinstance(request.bank, Bank) else read_bank(request.bank)
    given = request.prediction
    result = given if isinstance(given, Prediction) else read_prediction(given)
    section = request.measured
    if not isinstance(section, Section):
        section = read_section(
            section,
            slide=result.slide,
            layer=request.layer,
            scale=request.scale,
            library=request.library,
            gene_column=request.gene_column,
        )
    return result, section, bank


def _controls(
    prediction: Prediction,
    section: Section,
    references: Bank,
    panel: Panel,
    surrogates: Surrogates | None,
) -> dict[str, dict]:
    """Return the scores of measured depth (of sections with counts) and of the mean profile."""
    found = {}
    if section.scale == "counts":
        totals = pd.Series(section.totals, section.spots).reindex(prediction.spots).to_numpy()
        found[ORACLE] = depth_oracle(totals, references, like=prediction)
    spots = Spots(prediction.slide, prediction.spots, np.nan_to_num(prediction.xy))
    profile = MeanProfile(prediction.scale).fit(references).predict(spots)
    found["mean_profile"] = replace(profile, xy=prediction.xy)
    return {
        name: score(each, section, panel=panel, surrogates=surrogates).entry
        for name, each in found.items()
    }
