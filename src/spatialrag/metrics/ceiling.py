"""The noise ceiling: how well one half of the counts tells the other."""

from collections.abc import Callable

import numpy as np
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.metrics.expression import pearson_per_gene

N_SPLITS = 5


def split_counts(
    counts: sparse.csr_matrix, rng: np.random.Generator
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return two halves of counts: each count falls into one of them by the toss of a coin.

    Halves of Poisson counts are independent given what was measured.

    Raises
    ------
    InputError
        Values that are not whole numbers of 0 or more.
    """
    counts = sparse.csr_matrix(counts)
    whole = np.rint(counts.data)
    if (np.abs(counts.data - whole) > 1e-3).any() or (whole < 0).any():
        raise InputError("only whole counts can be split", expected="raw counts, 0 or more")
    first, second = counts.astype(np.float64), counts.astype(np.float64)
    first.data = rng.binomial(whole.astype(np.int64), 0.5).astype(np.float64)
    second.data = whole - first.data
    return first, second


def split_half_per_gene(
    counts: sparse.csr_matrix,
    normalize: Callable[[sparse.csr_matrix], np.ndarray],
    *,
    seed: int = 0,
) -> np.ndarray:
    """Return Pearson's r of each gene between two halves of the counts, mean over five splits.

    A prediction that knew the tissue would reach about this on slides of half the depth, and
    somewhat more on this one: it is a mark to read scores by, not a strict bound.

    Parameters
    ----------
    counts : CSR (n_spots, n_all_genes)
        Counts of all genes, since depth is counted over all.
    normalize
        Half the counts to the values that are scored, (n_spots, n_genes).
    seed
        Seed of the tosses.
    """
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(N_SPLITS):
        first, second = split_counts(counts, rng)
        found.append(pearson_per_gene(normalize(first), normalize(second)))
    return np.asarray(np.mean(found, axis=0))
