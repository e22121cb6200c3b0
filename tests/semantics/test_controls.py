import numpy as np

from spatialrag.semantics.controls import random_vectors, shuffled

GENES = np.array([f"g{i}" for i in range(2000)])


def test_random_vectors_have_the_stated_moments_and_seed():
    table = random_vectors(GENES, 16, rng=3)
    assert abs(table.vectors.mean()) < 0.02
    assert abs(table.vectors.var() - 0.85) < 0.02
    np.testing.assert_array_equal(table.vectors, random_vectors(GENES, 16, rng=3).vectors)


def test_shuffled_keeps_all_vectors_and_moves_nearly_all():
    table = random_vectors(GENES, 4)
    other = shuffled(table)
    assert (np.sort(other.vectors, axis=0) == np.sort(table.vectors, axis=0)).all()
    assert (other.vectors == table.vectors).all(axis=1).mean() < 0.01
    assert other.record["shuffled"] == 0
