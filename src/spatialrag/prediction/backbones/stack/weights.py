"""Weights of a stack: what of each member best explains spots that none of them has seen."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np


def weigh(gram: np.ndarray, product: np.ndarray) -> np.ndarray:
    """Return argmin w'Gw / 2 - h'w over w >= 0 with a sum of at most 1, exactly.

    Stacked regressions want non-negative weights (Breiman 1996); a sum of at most 1 keeps what is
    left for the mean profile. Of few members every set that may have weight is solved for.

    Parameters
    ----------
    gram : (m, m)
        G: inner products of the members' predictions.
    product : (m,)
        h: theirs with the truth.
    """
    m = len(product)
    # Members that say the same share a weight; without this their equations have no solution.
    gram = gram + 1e-9 * max(float(np.trace(gram)) / m, 1e-12) * np.eye(m)
    best, lowest = np.zeros(m), 0.0
    for size in range(1, m + 1):
        for chosen in map(list, combinations(range(m), size)):
            inner = gram[np.ix_(chosen, chosen)]
            free = np.linalg.solve(inner, product[chosen])
            if free.sum() > 1:  # on the boundary: the multiplier that brings the sum to 1
                ones = np.linalg.solve(inner, np.ones(size))
                free = free - ones * (free.sum() - 1) / ones.sum()
            value = 0.5 * free @ inner @ free - product[chosen] @ free
            if (free >= 0).all() and value < lowest:
                best, lowest = np.zeros(m), value
                best[chosen] = free
    return best


@dataclass(eq=False)
class Agreement:
    """Inner products of members' predictions of left-out spots, summed over folds.

    Every gene counts alike, and only what differs within slides counts: levels are not predicted.

    Parameters
    ----------
    gram : (n_groups, m, m)
    product : (n_groups, m)
    group : (n_genes,)
        The group of genes that each gene belongs to.
    scale : (n_genes,)
        Variance of each gene within slides.
    """

    gram: np.ndarray
    product: np.ndarray
    group: np.ndarray
    scale: np.ndarray

    def add(self, predictions: list[np.ndarray], truth: np.ndarray, slides: np.ndarray) -> None:
        """Add the predictions (n, n_genes) of left-out spots by each member."""
        centred = [_within(values, slides) for values in [*predictions, truth]]
        share = np.divide(1, self.scale, out=np.zeros_like(self.scale), where=self.scale > 0)
        *members, measured = centred
        for i, first in enumerate(members):
            per_gene = np.einsum("ij,ij->j", first, measured) * share
            np.add.at(self.product[:, i], self.group, per_gene)
            for j, second in enumerate(members[: i + 1]):
                per_gene = np.einsum("ij,ij->j", first, second) * share
                np.add.at(self.gram[:, i, j], self.group, per_gene)
                self.gram[:, j, i] = self.gram[:, i, j]

    def weights(self, *, trust: float) -> np.ndarray:
        """Return the weights, (n_groups, m): fitted ones shrunk towards equal ones.

        Parameters
        ----------
        trust
            How far fitted weights hold for the next donor, in [0, 1]; the rest are equal weights
            of sum 1.
        """
        pairs = zip(self.gram, self.product, strict=True)
        fitted = np.array([weigh(gram, product) for gram, product in pairs])
        return trust * fitted + (1 - trust) / fitted.shape[1]


def _within(values: np.ndarray, slides: np.ndarray) -> np.ndarray:
    values = np.array(values, np.float64)
    for slide in np.unique(slides):
        values[slides == slide] -= values[slides == slide].mean(axis=0)
    return values
