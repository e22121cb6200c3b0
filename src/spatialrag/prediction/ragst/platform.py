"""Single cells and spots differ by gene: the gene-wise factors between the two.

Twice: on the linear scale, what a gene's counts are multiplied by; then on the logarithmic scale,
where values are averaged, what brings a gene to the spots' mean level (the mean of logarithms of
few counts lies far below the logarithm of their mean).
"""

from dataclasses import dataclass

import numpy as np

_PRIOR = 0.05  # level at which a gene counts half as much as the prior
_LARGEST = 50.0


@dataclass(frozen=True, eq=False)
class Platform:
    """Factors that turn what cells show into what spots would show.

    Parameters
    ----------
    factors : (n_genes,)
    prior
        The factor of all genes together, given to genes that no training spot measured.
    learned : (n_genes,) bool
        Which factors come from training spots.
    """

    factors: np.ndarray
    prior: float
    learned: np.ndarray


def learn_platform(spots: np.ndarray, mixed: np.ndarray, measured: np.ndarray) -> Platform:
    """Return the factor of each gene from training spots.

    Parameters
    ----------
    spots : (n_genes,)
        Mean expression of training spots, linear (counts per 10,000) or logarithmic.
    mixed : (n_genes,)
        Type means on the same scale, mixed in the spots' proportions.
    measured : (n_genes,) bool
        Genes that training spots measured.
    """
    total = mixed[measured].sum()
    prior = float(spots[measured].sum() / total) if total > 0 else 1.0
    factors = (spots + _PRIOR * prior) / (mixed + _PRIOR)
    factors = np.clip(factors, prior / _LARGEST, prior * _LARGEST)
    return Platform(np.where(measured, factors, prior), prior, measured)
