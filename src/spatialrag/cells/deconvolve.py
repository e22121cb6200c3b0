"""Spot counts and a single-cell bank to proportions: a Poisson mixture with platform factors.

Y_sg ~ Poisson(f_g sum_t w_st B_tg) with B the mean profile of a type, w at least 0, and f_g what
sequencing spots instead of cells does to a gene. As in RCTD (Cable et al. 2022), the platform
factor is found from the sum over all spots: first the composition of the sum with f = 1, then f
from what that leaves, shrunk towards 1 for genes with few counts. Proportions are w over its sum:
shares of RNA, not of cells.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from spatialrag.cells.cell_bank import CellBank
from spatialrag.errors import InputError, listing
from spatialrag.expression.proportions import Proportions
from spatialrag.progress import track

_ROUNDS_BULK = 2000
_BATCH = 1024
_TINY = 1e-12


@dataclass(frozen=True)
class Deconvolution:
    """Settings of the mixture.

    Parameters
    ----------
    n_genes
        Genes used: those whose mean differs most between types, among genes both sides measured.
    rounds
        Steps of expectation maximization per spot.
    prior
        Counts at which a gene's platform factor is half way between 1 and what the data say.
    platform
        Whether to estimate platform factors at all.

    Examples
    --------
    >>> settings = Deconvolution(rounds=20)
    >>> sr.deconvolve(
    ...     section.expression, section.genes, section.spots, cells, settings=settings
    ... ).types.tolist()
    ['immune', 'stroma', 'tumor']
    """

    n_genes: int = 3000
    rounds: int = 200
    prior: float = 50.0
    platform: bool = True

    def __post_init__(self) -> None:
        if self.n_genes < 2 or self.rounds < 1 or self.prior < 0:
            raise InputError(
                "deconvolution needs at least 2 genes, 1 round and a prior of 0 or more",
                got=f"n_genes {self.n_genes}, rounds {self.rounds}, prior {self.prior}",
            )


def deconvolve(
    counts: sparse.csr_matrix,
    genes: np.ndarray,
    spots: np.ndarray,
    cells: CellBank,
    *,
    settings: Deconvolution | None = None,
) -> Proportions:
    """Return the proportions of every spot with counts.

    Parameters
    ----------
    counts : (n_spots, n_genes)
        Whole numbers.
    genes, spots
        Names of columns and rows (spots as ``slide:spot``).
    cells
        Where types' profiles come from.
    settings
        See `Deconvolution`.

    Returns
    -------
    Proportions
        Spots without any count on the genes used are left out.

    Raises
    ------
    InputError
        Values that are not counts, fewer than two types, or too few genes in common.

    Examples
    --------
    >>> section = sections[3]
    >>> found = sr.deconvolve(section.expression, section.genes, section.spots, cells)
    >>> bool(np.allclose(found.values.sum(axis=1), 1))
    True
    """
    settings = settings or Deconvolution()
    if (counts.data % 1 != 0).any() or (counts.data < 0).any():
        raise InputError("deconvolution needs counts", got="fractions or negative values")
    types = cells.types
    if len(types) < 2:
        raise InputError("deconvolution needs at least two types", got=listing(types))
    chosen, profiles = _signature(genes, cells, settings.n_genes)
    y = counts[:, chosen].astype(np.float64)
    keep = np.asarray(y.sum(axis=1)).ravel() > 0
    y = y[keep]
    if settings.platform:
        profiles = profiles * platform_factors(y, profiles, prior=settings.prior)
    shares = []
    starts = range(0, y.shape[0], _BATCH)
    for start in track(starts, label="deconvolve", total=len(starts)):
        weights = poisson_mixture(y[start : start + _BATCH].toarray(), profiles, settings.rounds)
        shares.append(weights / weights.sum(axis=1, keepdims=True))
    source = f"deconvolved from {listing(cells.datasets.index)}"
    return Proportions(np.concatenate(shares), np.asarray(spots, str)[keep], types, source)


def poisson_mixture(y: np.ndarray, profiles: np.ndarray, rounds: int) -> np.ndarray:
    """Return non-negative weights of profiles that maximize the Poisson likelihood.

    Expectation maximization (Richardson-Lucy): every step raises the likelihood.

    Parameters
    ----------
    y : (n, n_genes)
        Counts.
    profiles : (n_types, n_genes)
    rounds
        Steps.

    Returns
    -------
    (n, n_types) float64
    """
    total = profiles.sum(axis=1)
    weights = np.repeat(y.sum(axis=1, keepdims=True) / total.sum(), len(profiles), axis=1)
    for _ in range(rounds):
        mean = np.maximum(weights @ profiles, _TINY)
        weights *= (y / mean) @ profiles.T / np.maximum(total, _TINY)
    return weights


def platform_factors(
    y: sparse.csr_matrix | np.ndarray, profiles: np.ndarray, *, prior: float
) -> np.ndarray:
    """Return f_g from the sum over spots, (n_genes,): shrunk towards 1 by ``prior`` counts."""
    bulk = np.asarray(y.sum(axis=0), float).ravel()[None]
    fitted = (poisson_mixture(bulk, profiles, _ROUNDS_BULK) @ profiles).ravel()
    return (bulk.ravel() + prior) / (fitted + prior)


def _signature(genes: np.ndarray, cells: CellBank, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return columns of the spots' genes and the types' mean profiles of these."""
    shared = np.flatnonzero(np.isin(genes, cells.genes))
    means, seen = cells.type_means(np.asarray(genes)[shared], cells.types)
    everywhere = (seen > 0).all(axis=0) & (means.max(axis=0) > 0)
    if everywhere.sum() < 50:
        raise InputError(
            f"{everywhere.sum()} genes are measured in spots and in cells of every type",
            expected="at least 50",
            got=f"spots have {listing(genes, 3)}, cells {listing(cells.genes, 3)}",
            fix="use one species and one kind of gene names; leave out type means of few genes",
        )
    logs = np.log1p(means[:, everywhere])
    # Differences between types in units of what a gene's level lets expect.
    contrast = logs.std(axis=0) * np.sqrt(logs.mean(axis=0))
    best = np.sort(np.argsort(-contrast, kind="stable")[:n])
    return shared[everywhere][best], means[:, everywhere][:, best]
