"""Analytic Pearson residuals of counts: expression that depth does not raise."""

import numpy as np

from spatialrag.errors import InputError

THETA = 100.0


def pearson_residuals(
    counts: np.ndarray, totals: np.ndarray, shares: np.ndarray, *, theta: float = THETA
) -> np.ndarray:
    """Return (x - mu) / sqrt(mu + mu² / theta), mu = total times share, (n_spots, n_genes).

    The residuals of a negative binomial of which only depth and a gene's share are known, clipped
    at the square root of the number of spots (Lause, Berens & Kobak, Genome Biology 2021). Genes
    without a share are 0.

    Parameters
    ----------
    counts : (n_spots, n_genes)
    totals : (n_spots,)
        Counts of each spot over all its measured genes.
    shares : (n_genes,)
        Shares of all counts, as other spots have them: references, where these are the truth.
    theta
        Inverse overdispersion, counts.

    Raises
    ------
    InputError
        Negative counts, totals or shares, or a theta that is not positive.
    """
    counts = np.asarray(counts, np.float64)
    totals, shares = np.asarray(totals, np.float64), np.asarray(shares, np.float64)
    if not theta > 0 or any(values.min(initial=0) < 0 for values in (counts, totals, shares)):
        raise InputError(
            "Pearson residuals are of counts",
            expected="counts, totals and shares of 0 or more, theta above 0",
            got=f"theta {theta:g}, counts down to {counts.min(initial=0):g}",
        )
    mu = np.outer(totals, shares)
    spread = np.sqrt(mu + mu**2 / theta)
    residuals = np.divide(counts - mu, spread, out=np.zeros_like(mu), where=spread > 0)
    limit = np.sqrt(len(counts))
    return np.clip(residuals, -limit, limit)
