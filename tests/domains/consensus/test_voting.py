import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from spatialrag.domains.consensus.voting import agreement_of, vote


def test_agreement_is_scikit_learns():
    rng = np.random.default_rng(0)
    partitions = rng.integers(0, 4, (6, 50))
    partitions[0] = 0  # a single part
    found = agreement_of(partitions)
    for i in range(6):
        for j in range(6):
            expected = adjusted_rand_score(partitions[i], partitions[j])
            assert found[i, j] == pytest.approx(expected, abs=1e-12)


def test_the_same_partition_under_other_names_is_certain():
    labels = np.repeat([0, 1, 2], 10)
    found = vote(np.array([labels, (labels + 1) % 3, 2 - labels]), 3, np.ones(3))
    np.testing.assert_allclose(found.entropy, 0, atol=1e-12)
    np.testing.assert_allclose(found.agreement, 1)
    assert len({*zip(found.labels.tolist(), labels.tolist(), strict=True)}) == 3


def test_the_majority_wins_and_doubt_shows_where_it_is():
    labels = np.repeat([0, 1], 10)
    other = labels.copy()
    other[9] = 1
    found = vote(np.array([labels, labels, 1 - other]), 2, np.ones(3))
    assert np.flatnonzero(found.entropy > 1e-9).tolist() == [9]
    assert found.labels[9] == found.labels[0]
    assert found.entropy.max() <= 1


def test_noise_counts_little():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 30)
    noise = rng.integers(0, 3, (4, 90))
    found = vote(np.vstack([labels, labels, labels, noise]), 3, np.ones(7))
    assert found.weights[:3].sum() > 0.95
    assert len({*zip(found.labels.tolist(), labels.tolist(), strict=True)}) == 3


def test_weights_decide_between_equals():
    first, second = np.repeat([0, 1], 10), np.tile([0, 1], 10)
    for weights, expected in (((3, 1), first), ((1, 3), second)):
        found = vote(np.array([first, second]), 2, np.array(weights, float))
        assert len({*zip(found.labels.tolist(), expected.tolist(), strict=True)}) == 2


def test_every_domain_is_kept():
    """Three partitions that split different pairs: a vote could leave one domain empty."""
    rng = np.random.default_rng(1)
    partitions = rng.integers(0, 5, (6, 40))
    found = vote(partitions, 5, np.ones(6))
    assert len(np.unique(found.labels)) == 5
    assert found.shares.sum(axis=1) == pytest.approx(1)
