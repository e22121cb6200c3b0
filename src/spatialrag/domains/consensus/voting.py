"""Partitions of the same spots to one: brought to the same names, and voted by spot."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import linear_sum_assignment

_ROUNDS = 10


@dataclass(frozen=True, eq=False)
class Vote:
    """What partitions agree on.

    Parameters
    ----------
    labels : (n_spots,)
        0 to K - 1.
    shares : (n_spots, K)
        Shares of each spot's votes.
    agreement : (n_partitions, n_partitions)
        Adjusted Rand index of each pair.
    weights : (n_partitions,)
        Weights of the vote; they sum to 1.
    """

    labels: np.ndarray
    shares: np.ndarray
    agreement: np.ndarray
    weights: np.ndarray

    @property
    def entropy(self) -> np.ndarray:
        """Entropy of each spot's votes over its highest value, (n_spots,): 0 where all agree."""
        shares = np.clip(self.shares, 1e-300, 1)
        found = -(self.shares * np.log(shares)).sum(axis=1)
        return np.clip(found / np.log(max(self.shares.shape[1], 2)), 0, 1)


def vote(partitions: np.ndarray, n_domains: int, weights: np.ndarray) -> Vote:
    """Return the weighted vote of partitions.

    A partition counts by its weight times how well it agrees with the others. All are renamed after
    the one that agrees best (Hungarian), voted by spot, and renamed after the vote until nothing
    changes.

    Parameters
    ----------
    partitions : (n_partitions, n_spots) int
        Labels 0 to K - 1.
    n_domains
        K.
    weights : (n_partitions,)
        Not negative.

    Returns
    -------
    Vote
        With K domains: where a vote would leave one empty, the partition that agrees best is
        the result.
    """
    agreement = agreement_of(partitions)
    given = weights / weights.sum()
    others = agreement @ given - np.diag(agreement) * given
    others = np.maximum(others / np.maximum(1 - given, 1e-12), 0)
    own = given * (others if others.any() else 1)
    own = own / own.sum()
    reference = partitions[np.argmax(own)]
    labels = reference
    for _ in range(_ROUNDS):
        shares = _shares(partitions, labels, n_domains, own)
        before, labels = labels, shares.argmax(axis=1)
        if (labels == before).all():
            break
    if len(np.unique(labels)) < n_domains:
        labels = reference
        shares = _shares(partitions, labels, n_domains, own)
    return Vote(labels, shares, agreement, own)


def agreement_of(partitions: np.ndarray) -> np.ndarray:
    """Return the adjusted Rand index of each pair of partitions, (n_partitions, n_partitions).

    Parameters
    ----------
    partitions : (n_partitions, n_spots) int
        Labels from 0.

    Examples
    --------
    >>> agreement_of(np.array([[0, 0, 1, 1], [1, 1, 0, 0]])).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    m, n = partitions.shape
    k = int(partitions.max()) + 1
    columns = (partitions + k * np.arange(m)[:, None]).T.ravel()
    ones, rows = np.ones(m * n), np.repeat(np.arange(n), m)
    belonging = sparse.csr_matrix((ones, (rows, columns)), shape=(n, m * k))
    shared = (belonging.T @ belonging).toarray()
    together = _pairs(shared).reshape(m, k, m, k).sum(axis=(1, 3))
    own = _pairs(np.diag(shared)).reshape(m, k).sum(axis=1)
    expected = np.outer(own, own) / max(_pairs(np.array(float(n))), 1.0)
    highest = (own[:, None] + own) / 2
    room = highest - expected
    return np.where(room > 0, (together - expected) / np.where(room > 0, room, 1), 1.0)


def _pairs(counts: np.ndarray) -> np.ndarray:
    return counts * (counts - 1) / 2


def _shares(
    partitions: np.ndarray, labels: np.ndarray, n_domains: int, weights: np.ndarray
) -> np.ndarray:
    """Return each spot's shares of votes, partitions renamed after ``labels``."""
    shares = np.zeros((len(labels), n_domains))
    spots = np.arange(len(labels))
    for partition, weight in zip(partitions, weights, strict=True):
        table = np.zeros((n_domains, n_domains))
        np.add.at(table, (partition, labels), 1)
        names = linear_sum_assignment(table, maximize=True)[1]
        shares[spots, names[partition]] += weight
    return shares
