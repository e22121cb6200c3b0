import numpy as np

from spatialrag.solvers.working_set.products import Pairs

PAIRS = Pairs.of([np.array([7, 2]), np.array([], int), np.array([2, 900])])


def test_pairs_within_a_block():
    queries, positions = PAIRS.within(np.arange(2, 10))
    assert sorted(zip(queries.tolist(), positions.tolist(), strict=True)) == [
        (0, 0),
        (0, 5),
        (2, 0),
    ]
    queries, positions = PAIRS.within(np.array([3, 7, 901]))
    assert (queries.tolist(), positions.tolist()) == ([0], [1])


def test_pairs_of_some_queries_are_renumbered():
    only = PAIRS.select(np.array([1, 2]))
    assert only.queries.tolist() == [1, 1]
    assert only.columns.tolist() == [2, 900]
    assert len(PAIRS.select(np.array([1])).queries) == 0
