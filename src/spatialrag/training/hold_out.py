"""What is held out together, and how much, where training or tuning watches unseen tissue."""

from collections.abc import Mapping

import numpy as np

SHARE = 0.2  # of the spots that are held out, at least
_ENOUGH_DONORS = 3


def exclusion_groups(donors: np.ndarray, slides: np.ndarray) -> np.ndarray:
    """Return what each spot, or slide, is held out with: its donor, or its slide of few donors.

    With two donors every choice would rest on training from one: slides stand in for them.

    Parameters
    ----------
    donors, slides : (n,)
        Names, a row per spot or per slide.
    """
    return donors if len(np.unique(donors)) >= _ENOUGH_DONORS else slides


def held_out_parts(spots: Mapping[str, int], seed: int) -> list[list[str]]:
    """Return groups in parts that hold at least a fifth of the spots each, none with all groups.

    Parameters
    ----------
    spots
        Number of spots of each group; two groups at least.
    seed
        Seed of the order in which groups are drawn.
    """
    drawn = [str(name) for name in np.random.default_rng(seed).permutation(sorted(spots))]
    parts, part = [], []
    for name in drawn:
        part.append(name)
        if sum(spots[each] for each in part) >= SHARE * sum(spots.values()):
            parts.append(part)
            part = []
    return [part for part in parts if len(part) < len(drawn)] or [drawn[:-1]]
