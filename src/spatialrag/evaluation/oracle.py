"""The measured depth as a prediction of every gene: what depth alone could explain."""

import numpy as np

from spatialrag.bank.bank import Bank
from spatialrag.prediction.controls import mean_profile, spread_depth
from spatialrag.prediction.prediction import Prediction


def depth_oracle(totals: np.ndarray, references: Bank, *, like: Prediction) -> Prediction:
    """Return one number per spot, its measured depth, moved to each gene's mean level.

    It is no method, since it has seen the test slide's counts: it stands beside every headline,
    because maps below it could have been had from depth.

    Parameters
    ----------
    totals : (n_spots,)
        Measured counts of the spots of ``like``, in its order; NaN where a spot was not measured.
    references
        Whose mean gives the genes' levels.
    like
        A prediction of the same slide, for its spots, places and scale.
    """
    depth = np.log1p(np.asarray(totals, np.float64))
    depth[np.isnan(depth)] = np.nanmean(depth)
    return Prediction(
        slide=like.slide,
        spots=like.spots,
        xy=like.xy,
        genes=references.genes,
        expression=spread_depth(depth, mean_profile(references, like.scale)),
        scale=like.scale,
    )
