"""How many domains: the numbers at which views of a tissue, each seen in part, agree."""

import numpy as np

from spatialrag.domains.consensus.partitions import kmeans
from spatialrag.domains.consensus.views import View
from spatialrag.domains.consensus.voting import agreement_of

_SEEN = 0.8  # share of spots each partition is fitted on
_STARTS = 3
_LEVEL = 0.03  # of stability: the most domains within it are chosen, as few are often most stable
_SPOTS = 5000  # on which partitions are compared


def stability_curve(
    views: list[View], candidates: tuple[int, ...], *, rng: int = 0
) -> dict[int, float]:
    """Return how well partitions of different views and parts of a tissue agree, by K.

    Each view is partitioned twice by k-means, each time from another 80 % of the spots; the score
    is the mean adjusted Rand index between all partitions, weighted by the views.

    Parameters
    ----------
    views
        Views of the same spots.
    candidates
        Numbers of domains.
    rng
        Seed of the parts.
    """
    generator = np.random.default_rng(rng)
    n = len(views[0].features)
    compared = np.linspace(0, n - 1, min(n, _SPOTS)).astype(int)
    drawn = [
        (view, generator.choice(compared, max(int(_SEEN * len(compared)), 2), replace=False))
        for view in views
        for _ in range(2)
    ]
    weights = np.array([view.weight for view, _ in drawn])
    first, second = np.triu_indices(len(drawn), 1)
    pairs = weights[first] * weights[second]
    scores = {}
    for k in candidates:
        found = [
            kmeans(view.features, k, starts=_STARTS, rng=rng, fitted_on=part)[compared]
            for view, part in drawn
        ]
        agreed = agreement_of(np.array(found))[first, second]
        scores[k] = float(pairs @ agreed / pairs.sum())
    return scores


def most_stable(scores: dict[int, float]) -> int:
    """Return the most domains whose stability is within .03 of the best.

    Parameters
    ----------
    scores
        By number of domains.
    """
    best = max(scores.values())
    return max(k for k, score in scores.items() if score >= best - _LEVEL)
