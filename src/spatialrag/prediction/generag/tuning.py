"""Choosing image_weight and strength inside the bank, one reference slide left out at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
import pandas as pd

from spatialrag.bank.bank import Bank
from spatialrag.bank.copies import copies_within
from spatialrag.errors import InputError, check_choice
from spatialrag.metrics.expression import pearson_per_gene
from spatialrag.prediction.backbones.backbone import TrainedBackbone
from spatialrag.prediction.generag.generag import FittedGeneRAG, GeneRAG
from spatialrag.progress import track
from spatialrag.retrieval.anchors import choose_anchors

IMAGE_WEIGHTS = (0.0, 0.1, 0.3)
STRENGTHS = (0.03, 0.1, 0.3)
Preference = Literal["sparse", "first"]
PREFER = get_args(Preference)


@dataclass(frozen=True, eq=False)
class Tuning:
    """The settings chosen and what they were chosen from.

    Parameters
    ----------
    best
        The chosen settings.
    table : pandas.DataFrame
        One row per setting: image_weight, strength, score (mean over left-out slides of the mean
        per-gene r), standard_error, n_active (mean references per spot).

    Examples
    --------
    >>> found = sr.tune(bank, method, strengths=(0.03,), image_weights=(0.0, 0.1))
    >>> found.best.image_weight in (0.0, 0.1)
    True
    """

    best: GeneRAG
    table: pd.DataFrame


def tune(
    bank: Bank,
    settings: GeneRAG,
    *,
    image_weights: Sequence[float] = IMAGE_WEIGHTS,
    strengths: Sequence[float] = STRENGTHS,
    n_scored: int = 1000,
    prefer: Preference = "sparse",
) -> Tuning:
    """Choose image_weight and strength by leave-one-slide-out over the references.

    Copies of the slide that is left out (`spatialrag.bank.copies`) go with it.

    Parameters
    ----------
    bank
        References alone: the query slide must not be among them.
    settings
        Everything else stays as it is here.
    image_weights, strengths
        The grid. Without embeddings only image_weight 0 is tried.
    n_scored
        Genes scored: the most variable of the references.
    prefer
        Which of the settings within one standard error of the best mean score: ``sparse``, with
        the fewest references per spot; ``first`` of the grid (image weights, then strengths).

    Examples
    --------
    >>> found = sr.tune(bank, method, strengths=(0.03, 0.3), image_weights=(0.0,))
    >>> found.table["strength"].tolist()
    [0.03, 0.3]
    """
    check_choice(prefer, PREFER, name="preference")
    if len(bank.slides) < 2:
        raise InputError(
            "tuning leaves one reference slide out at a time",
            expected="a bank of at least two slides",
            got=f"{len(bank.slides)}",
            fix="state image_weight and strength, or add a slide",
        )
    weights = image_weights if bank.embeddings is not None else [0.0]
    grid = [
        replace(settings, image_weight=float(w), strength=float(s))
        for w in weights
        for s in strengths
    ]
    scores = np.zeros((len(grid), len(bank.slides), 2))
    for fold, slide in enumerate(track(bank.slides.index, label="tune", total=len(bank.slides))):
        out = [slide, *(copy.slide for copy in copies_within(bank, slide))]
        references, held_out = bank.without(slides=out), bank.select([slide])
        scores[:, fold] = _score(grid, references, held_out, slide, n_scored)
    return _choose(grid, scores, prefer=prefer)


def _score(
    grid: list[GeneRAG], references: Bank, held_out: Bank, slide: str, n_scored: int
) -> np.ndarray:
    """Return (mean per-gene r, mean references per spot) of each setting, (len(grid), 2)."""
    # Fitted once: the settings of the grid do not change blocks, anchors or backbone.
    weighed = {settings.image_weight for settings in grid}
    fitted = replace(grid[0], image_weight=0.5 if weighed != {0.0} else 0.0).fit(references)
    shared = references.measured_everywhere & np.isin(references.genes, held_out.genes)
    genes = choose_anchors(references, shared, rule="variable", n=n_scored)
    rows, columns = ~held_out.empty, references.columns_of(genes)
    truth = held_out.on_scale(grid[0].scale)[:, held_out.columns_of(genes)].toarray()[rows]
    scores = []
    for solution in fitted.solutions(held_out.embeddings_of(slide), grid):
        citations = fitted.cite(solution)
        r = pearson_per_gene(fitted.expression(citations)[np.ix_(rows, columns)], truth)
        scores.append((r.mean(), citations.n_active.mean()))
    return np.array(scores)


def _choose(grid: list[GeneRAG], scores: np.ndarray, *, prefer: Preference) -> Tuning:
    means = scores.mean(axis=1)
    best = int(means[:, 0].argmax())
    # Slides differ in level, so the error is that of the difference to the best setting.
    difference = scores[best, :, 0] - scores[..., 0]
    spread = difference.std(axis=1, ddof=1) / np.sqrt(scores.shape[1])
    within = np.flatnonzero(means[:, 0] >= means[best, 0] - spread)
    chosen = within[means[within, 1].argmin()] if prefer == "sparse" else within[0]
    table = pd.DataFrame(
        {
            "image_weight": [settings.image_weight for settings in grid],
            "strength": [settings.strength for settings in grid],
            "score": means[:, 0],
            "standard_error": spread,
            "n_active": means[:, 1],
        }
    )
    return Tuning(grid[chosen], table)


@dataclass(frozen=True)
class ImageWeightChosen:
    """GeneRAG whose image weight is chosen on the references.

    Retrieval rests on anchors as its backbone predicts them. Where those are poor, images must
    weigh more; how poor they are shows on reference slides that the backbone has not seen.

    Parameters
    ----------
    generag
        Settings with a backbone that is trained anew without each reference slide.
    trained
        That backbone trained on all references, where it is at hand already.
    image_weights
        Among which is chosen, by the mean r of ``n_scored`` genes over left-out slides: the first
        within one standard error of the best. A few slides say little: the first, which should be
        the default, is left for clear reasons alone.
    n_scored
        The most variable genes of the references. Those beyond the anchors count: larger weights
        may gain on anchors what they lose on all other genes.

    Examples
    --------
    >>> chosen = ImageWeightChosen(method, image_weights=(0.05, 0.3), n_scored=100)
    >>> chosen.fit(bank).settings.image_weight in (0.05, 0.3)
    True
    """

    generag: GeneRAG = field(default_factory=GeneRAG)
    trained: TrainedBackbone | None = None
    image_weights: tuple[float, ...] = (0.05, 0.3, 0.6, 0.9)
    n_scored: int = 5000

    def fit(self, bank: Bank) -> FittedGeneRAG:
        """Choose and fit; one reference slide leaves nothing to choose on: the weight stays."""
        best = self.generag
        if len(bank.slides) > 1:
            best = tune(
                bank,
                best,
                image_weights=self.image_weights,
                strengths=[best.strength],
                n_scored=self.n_scored,
                prefer="first",
            ).best
        if self.trained is not None:
            best = replace(best, backbone=self.trained)
        return best.fit(bank)
