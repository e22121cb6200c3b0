"""`spatialrag bank tune`: settings chosen together, inside the bank, by leaving parts of it out.

One setting after the other is varied while the others stay; a value is taken only where it gains
more than the standard error of its gain over the left-out parts, so that the default stays unless
there is a reason. A slide is scored by what was fitted without it; the choice itself has seen every
slide, so that only slides outside the bank may be scored with it.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spatialrag.bank.bank import Bank
from spatialrag.bank.copies import copies_within
from spatialrag.bank.tuning import BankTuning
from spatialrag.errors import InputError
from spatialrag.metrics.expression import pearson_per_gene
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.progress import track
from spatialrag.provenance import fingerprint, plain
from spatialrag.replace import replace_text
from spatialrag.retrieval.anchors import choose_anchors
from spatialrag.training.hold_out import exclusion_groups

# In the order in which they are varied: what changes most first.
AXES: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("smoothing", (0.75, 0.0, 0.5, 1.0)),
    ("centring", (1.0, 0.0, 0.5)),
    ("image_weight", (0.1, 0.0, 0.3)),
    ("strength", (0.03, 0.1)),
    ("anchors", ("variable", "coexpressed")),
    ("ridge_share", (0.5, 0.2, 0.8)),
)
N_SCORED = 1000
FEWEST = 3  # left-out parts: two gains have no standard error to speak of


@dataclass(frozen=True, eq=False)
class _Fold:
    """One left-out slide: its references, itself, and the genes that are scored."""

    slide: str
    references: Bank
    held_out: Bank
    rows: np.ndarray
    scored: np.ndarray


@dataclass(frozen=True, eq=False)
class _Result:
    """What one setting reached on one left-out slide."""

    score: float
    effective_number: float
    r: pd.Series


def search_bank(
    bank: Bank,
    settings: GeneRAG,
    *,
    minutes: float = 30.0,
    cache: str | Path | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> BankTuning:
    """Return the settings that serve left-out parts of a bank best, and how well its genes do.

    Parameters
    ----------
    bank
        At least two slides, with embeddings.
    settings
        The default, from which the search starts; what is no axis stays as it is here.
    minutes
        Nothing new is begun after so many; the default is always looked at. It stays where there
        are fewer than three parts to leave out.
    cache
        Folder that keeps scores: a search that was interrupted goes on from them.
    clock
        Seconds, for tests.

    Raises
    ------
    InputError
        Fewer than two slides, or no embeddings.

    Examples
    --------
    >>> found = search_bank(bank, method, minutes=0.0)
    >>> found.left_out, len(found.tried)
    ('donor', 1)
    """
    bank.require_embeddings()
    if len(bank.slides) < 2:
        raise InputError(
            "a bank is tuned by leaving its slides out in turn",
            expected="a bank of at least two slides",
            got=f"{len(bank.slides)}",
            fix="add a slide",
        )
    end = clock() + 60 * minutes
    groups, left_out = _groups(bank)
    scores = _Scores(_folds(bank, groups), _kept_in(cache, bank))
    best, default = settings, scores.of(settings)
    tried = [_row(settings, default, default)]
    for name, values in AXES if len(np.unique(groups)) >= FEWEST else ():
        for value in values:
            if clock() > end:
                break
            candidate = replace(best, **{name: value})
            if value == getattr(best, name):
                continue
            found = scores.of(candidate)
            tried.append(_row(candidate, found, default))
            if _gains(found, scores.of(best)):
                best = candidate
    chosen = scores.results(best)
    return BankTuning(
        bank=bank.fingerprint,
        left_out=left_out,
        choice={name: getattr(best, name) for name, _ in AXES},
        tried=pd.DataFrame(tried),
        reliability=pd.concat([each.r for each in chosen], axis=1).mean(axis=1).sort_index(),
        slides=pd.DataFrame(
            {
                "score": [each.score for each in chosen],
                "effective_number": [each.effective_number for each in chosen],
            },
            index=[fold.slide for fold in scores.folds],
        ),
    )


def _groups(bank: Bank) -> tuple[np.ndarray, str]:
    donors, slides = bank.slides["donor"].to_numpy(str), bank.slides.index.to_numpy(str)
    groups = exclusion_groups(donors, slides)
    return groups, "slide" if groups is slides else "donor"


def _folds(bank: Bank, groups: np.ndarray) -> list[_Fold]:
    folds = []
    for slide, group in zip(bank.slides.index, groups, strict=True):
        out = set(bank.slides.index[groups == group])
        out |= {copy.slide for copy in copies_within(bank, slide)}
        references, held_out = bank.without(slides=out), bank.select([slide])
        shared = references.measured_everywhere & np.isin(references.genes, held_out.genes)
        scored = choose_anchors(references, shared, rule="variable", n=N_SCORED)
        folds.append(_Fold(slide, references, held_out, ~held_out.empty, scored))
    return folds


def _evaluate(settings: GeneRAG, fold: _Fold) -> _Result:
    prediction = settings.fit(fold.references).predict(fold.held_out.embeddings_of(fold.slide))
    genes = fold.held_out.genes[np.isin(fold.held_out.genes, prediction.genes)]
    truth = fold.held_out.on_scale(settings.scale)[:, fold.held_out.columns_of(genes)].toarray()
    r = pearson_per_gene(prediction.values_of(genes)[fold.rows], truth[fold.rows])
    constant = np.ptp(truth[fold.rows], axis=0) == 0
    by_gene = pd.Series(np.where(constant, np.nan, r), index=genes)
    effective = float(prediction.require_citations().effective_number.mean())
    return _Result(float(by_gene.reindex(fold.scored).fillna(0).mean()), effective, by_gene)


class _Scores:
    """Scores of settings on all folds, each computed once; kept in a file where one is given."""

    def __init__(self, folds: list[_Fold], path: Path | None) -> None:
        self.folds, self._path = folds, path
        self._known: dict[str, list[float]] = {}
        self._results: dict[str, list[_Result]] = {}
        if path is not None and path.exists():
            self._known = _read_scores(path)

    def of(self, settings: GeneRAG) -> np.ndarray:
        """Return the score on each fold."""
        key = _key(settings)
        if key not in self._known:
            self._known[key] = [each.score for each in self.results(settings)]
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                replace_text(self._path, json.dumps(self._known))
        return np.array(self._known[key])

    def results(self, settings: GeneRAG) -> list[_Result]:
        """Return all of each fold."""
        key = _key(settings)
        if key not in self._results:
            folds = track(self.folds, label="tune", total=len(self.folds))
            self._results = {key: [_evaluate(settings, fold) for fold in folds]}  # of one alone
        return self._results[key]


def _read_scores(path: Path) -> dict[str, list[float]]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): [float(score) for score in scores] for key, scores in known.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path} does not hold scores of a tuning", fix="remove it") from error


def _key(settings: GeneRAG) -> str:
    return json.dumps(plain(settings), sort_keys=True, default=str)


def _kept_in(cache: str | Path | None, bank: Bank) -> Path | None:
    if cache is None:
        return None
    return Path(cache) / f"tuning-{fingerprint(bank.fingerprint, N_SCORED)[:16]}.json"


def _gains(found: np.ndarray, best: np.ndarray) -> bool:
    gain = found - best
    return bool(gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)))


def _row(settings: GeneRAG, found: np.ndarray, default: np.ndarray) -> dict[str, Any]:
    gain = found - default
    return {
        **{name: getattr(settings, name) for name, _ in AXES},
        "score": float(found.mean()),
        "gain": float(gain.mean()),
        "standard_error": float(gain.std(ddof=1) / np.sqrt(len(gain))),
    }
