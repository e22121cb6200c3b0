"""Leave one slide, or one donor, out: every method and control on every fold."""

import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from spatialrag.bank.bank import Bank, section_of
from spatialrag.bank.copies import Copy, copies_within, describe_copies
from spatialrag.errors import InputError, check_choice, listing
from spatialrag.evaluation.citation_scores import score_citations
from spatialrag.evaluation.columns import ORACLE
from spatialrag.evaluation.methods import Row, standard_rows
from spatialrag.evaluation.oracle import depth_oracle
from spatialrag.evaluation.panel import Panel, fix_panel
from spatialrag.evaluation.report import Report
from spatialrag.evaluation.scores import (
    ceiling_levels,
    evaluate,
    null_levels,
    smooth_levels,
    surrogates_for,
)
from spatialrag.evaluation.second_truth import SecondTruth, second_truth
from spatialrag.expression.section import Section
from spatialrag.metrics.surrogates import Surrogates
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.generag.tuning import tune
from spatialrag.prediction.prediction import Prediction
from spatialrag.progress import track
from spatialrag.provenance import origin

# Rows that a headline is made of; against surrogates the others would cost more than they tell.
HEADLINE = ("generag", "ragst", "backbone", "ridge_all", "neighbors", "depth_only", ORACLE)


@dataclass(frozen=True, eq=False)
class Fold:
    """One test slide, the references it may be predicted from, and copies left out of these."""

    slide: str
    references: Bank
    truth: Bank
    copies: tuple[Copy, ...]


def loso(
    bank: Bank,
    *,
    settings: GeneRAG | None = None,
    rows: Sequence[Row] | None = None,
    leave: str = "slide",
    slides: Sequence[str] | None = None,
    tuned: bool = False,
    n_core: int = 300,
    n_global: int = 5000,
    gene_sets: dict[str, list[str]] | None = None,
    above_null: Sequence[str] | None = None,
) -> Report:
    """Predict each slide from the others and score every method and control.

    Parameters
    ----------
    bank
        Slides with embeddings.
    settings
        GeneRAG's settings; the measured default when not given.
    rows
        Methods; `standard_rows` when not given.
    leave
        ``slide``, or ``donor``: then no section of the test slide's donor is a reference.
    slides
        Test slides; all of the bank's by default.
    tuned
        Add a row whose image_weight and strength are chosen inside each fold's references.
    n_core, n_global
        Panel sizes, see `fix_panel`.
    gene_sets
        Sets whose per-spot scores are compared, name to genes.
    above_null
        Rows whose genes are counted against random maps as smooth as theirs (``n_above_null``,
        ``null_smooth_pcc_k``); by default the first row and `HEADLINE`. The row ``null_smooth`` has
        the levels of the first of them.

    Examples
    --------
    >>> rows = [sr.Row("generag", method)]
    >>> report = sr.loso(bank, rows=rows, slides=["toy1"], n_core=50, n_global=100)
    >>> report.slides["toy1"]["generag"]["core"]["pcc_all"] > 0
    True
    """
    settings = settings or GeneRAG()
    folds = list(_folds(bank, leave, slides))
    if rows is None:
        rows = standard_rows(settings, bank, n_core=n_core, tuned=tuned)
    if above_null is None:
        above_null = (*HEADLINE, *(row.name for row in rows[:1]))
    scored = {}
    for fold in track(folds, label="folds", total=len(folds)):
        panel = fix_panel(fold.references, fold.truth.genes, n_core=n_core, n_global=n_global)
        scored[fold.slide] = _score_fold(fold, panel, rows, gene_sets, above_null)
    record = origin(settings) | {
        "bank": bank.fingerprint,
        "leave": leave,
        "encoder": str(bank.encoder),
        "empty_spots": bank.references.index[bank.empty].tolist(),
        "donors": bank.slides["donor"].to_dict(),
        "copies": {
            fold.slide: describe_copies(fold.copies, fold.references)
            for fold in folds
            if fold.copies
        },
    }
    return Report(scored, record)


def check_leave(leave: str) -> None:
    """Raise `InputError` unless ``leave`` is ``slide`` or ``donor``."""
    check_choice(leave, ("slide", "donor"), name="fold")


def _folds(bank: Bank, leave: str, slides: Sequence[str] | None) -> Iterator[Fold]:
    check_leave(leave)
    names = list(slides or bank.slides.index)
    unknown = set(names) - set(bank.slides.index)
    if unknown:
        raise InputError(f"slides not in the bank: {listing(sorted(unknown))}")
    for slide in names:
        yield _fold(bank, slide, leave)


def references_for(bank: Bank, slide: str, *, leave: str) -> Bank:
    """Return what a slide may be predicted from: without it, or without all of its donor's.

    Copies of what is left out, under other names or donors, go with it, with a warning.
    """
    return _fold(bank, slide, leave).references


def _fold(bank: Bank, slide: str, leave: str) -> Fold:
    copies = fold_copies(bank, slide, leave=leave)
    if copies:
        warnings.warn(
            f"left out with slide {slide!r}: {listing([str(copy) for copy in copies])}",
            stacklevel=3,
        )
    out = _slides_left(bank, slide, leave) | {copy.slide for copy in copies}
    return Fold(slide, bank.without(slides=out), bank.select([slide]), copies)


def fold_copies(bank: Bank, slide: str, *, leave: str) -> tuple[Copy, ...]:
    """Return the copies, among a fold's references, of what it leaves out.

    Parameters
    ----------
    bank
        All slides.
    slide
        The test slide.
    leave
        ``slide``, or ``donor``.
    """
    out = _slides_left(bank, slide, leave)
    found = {
        copy.slide: copy
        for name in sorted(out)
        for copy in copies_within(bank, name)
        if copy.slide not in out
    }
    return tuple(found.values())


def _slides_left(bank: Bank, slide: str, leave: str) -> set[str]:
    """Return the test slide, or all of its donor's."""
    check_leave(leave)
    donors = bank.slides["donor"]
    return set(donors.index[donors == donors[slide]]) if leave == "donor" else {slide}


def _score_fold(
    fold: Fold,
    panel: Panel,
    rows: Sequence[Row],
    gene_sets: dict[str, list[str]] | None,
    above_null: Sequence[str],
) -> dict[str, dict]:
    section = section_of(fold.truth, fold.slide)
    queries = fold.truth.embeddings_of(fold.slide)
    results: dict[str, dict] = {}
    surrogates = None
    second = second_truth(section, fold.references, panel)
    for row in rows:
        started, method, notes = time.perf_counter(), row.method, {}
        if row.tuned and isinstance(method, GeneRAG):
            best = tune(fold.references, method).best
            notes = {"image_weight": best.image_weight, "strength": best.strength}
            method = best
        prediction = method.fit(fold.references).predict(queries)
        notes["seconds"] = time.perf_counter() - started
        if not results and above_null:  # places are the same for every row
            surrogates = surrogates_for(prediction, section)
        against = surrogates if row.name in above_null else None
        entry = _entry(prediction, section, panel, row.groups, gene_sets, against, second)
        if _cites_spots(prediction, fold.references):
            truth = fold.truth.on_scale(prediction.scale)
            core = panel.genes[: panel.n_core]
            truth = truth[:, fold.truth.columns_of(core)].toarray()
            entry["citations"] |= score_citations(prediction, queries, truth, core, fold.references)
        results[row.name] = entry | notes
    totals = fold.truth.references["total_counts"].to_numpy()
    measured = depth_oracle(totals, fold.references, like=prediction)
    against = surrogates if ORACLE in above_null else None
    results[ORACLE] = _entry(measured, section, panel, ("core", "global"), None, against, second)
    if second is not None:
        results["noise_ceiling"] = ceiling_levels(second, panel)
    if levels := smooth_levels(results):
        results["null_smooth"] = levels
    results["null"] = null_levels(int((~fold.truth.empty).sum()), panel)
    return results


def _cites_spots(prediction: Prediction, bank: Bank) -> bool:
    """Return whether all that is cited are spots of the bank, which look and express like spots."""
    if prediction.citations is None:
        return False
    return bool(prediction.citations.references.index.isin(bank.references.index).all())


def _entry(
    prediction: Prediction,
    section: Section,
    panel: Panel,
    groups: Sequence[str],
    gene_sets: dict[str, list[str]] | None,
    surrogates: Surrogates | None,
    second: SecondTruth | None,
) -> dict:
    scores = evaluate(
        prediction,
        section,
        panel=panel,
        groups=groups,
        gene_sets=gene_sets,
        surrogates=surrogates,
        second=second,
    )
    entry = scores.entry | {"per_gene": scores.per_gene}
    entry["uncited_share"] = prediction.uncited_share
    seen = prediction.record.get("anchors")
    if seen is not None and seen < len(panel.genes):
        r = scores.per_gene["pearson"].to_numpy()
        known = np.isin(panel.genes, prediction.record["anchor_genes"])
        entry["global"]["pcc_all_seen"] = float(r[known].mean())
        entry["global"]["pcc_all_unseen"] = float(r[~known].mean())
    if scores.gene_sets:
        entry["global"]["gene_set_agreement"] = float(np.mean(list(scores.gene_sets.values())))
        entry["gene_sets"] = scores.gene_sets
    if prediction.citations is not None:
        entry["citations"] = {
            "n_active": float(prediction.citations.n_active.mean()),
            "effective_number": float(prediction.citations.effective_number.mean()),
            "uncited_share": prediction.uncited_share,
        }
    return entry
