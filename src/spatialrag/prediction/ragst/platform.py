"""Single cells and spots differ by gene: the gene-wise factor between the two."""

from dataclasses import dataclass

import numpy as np

_PRIOR = 0.05  # counts per 10,000 at which a gene counts half as much as the prior
_LARGEST = 50.0


@dataclass(frozen=True, eq=False)
class Platform:
    """Factors that turn profiles of cells into what spots would show.

    Parameters
    ----------
    factors : (n_genes,)
        Multiply linear profiles.
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
        Mean linear expression of training spots (counts per 10,000).
    mixed : (n_genes,)
        Mean of type profiles mixed in the spots' proportions.
    measured : (n_genes,) bool
        Genes that training spots measured.
    """
    total = mixed[measured].sum()
    prior = float(spots[measured].sum() / total) if total > 0 else 1.0
    factors = (spots + _PRIOR * prior) / (mixed + _PRIOR)
    factors = np.clip(factors, prior / _LARGEST, prior * _LARGEST)
    return Platform(np.where(measured, factors, prior), prior, measured)
