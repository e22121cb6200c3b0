import numpy as np

from spatialrag.domains.consensus.neighborhoods import Neighborhoods


def grid(n=5):
    return np.stack(np.meshgrid(np.arange(n), np.arange(n)), axis=-1).reshape(-1, 2) * 3.0


def test_places_are_in_units_of_their_spacing_section_by_section():
    xy = np.concatenate([grid(), grid() * 10 + 7])
    places = Neighborhoods.of(xy, np.repeat(["a", "b"], 25))
    assert places.regular
    for label in (0, 1):
        own = places.xy[places.section == label]
        np.testing.assert_allclose(np.ptp(own, axis=0), 4)
    near = places.nearest(4)
    assert (places.section[near] == places.section[:, None]).all()
    assert not Neighborhoods.of(np.random.default_rng(0).uniform(size=(200, 2))).regular


def test_means_over_nearest_places_by_hand():
    xy = np.array([[0, 0], [1, 0], [3, 0], [6, 0]], float)
    mean = Neighborhoods.of(xy).mean(1).toarray()
    half = [[0, 1], [0, 1], [1, 2], [2, 3]]
    for row, expected in zip(mean, half, strict=True):
        assert np.flatnonzero(row).tolist() == expected
        np.testing.assert_allclose(row[expected], 0.5)
    np.testing.assert_allclose(Neighborhoods.of(xy).mean(10).toarray(), 0.25)


def test_cells_at_one_place_count_each():
    xy = np.array([[0, 0], [0, 0], [0, 0], [1, 0], [5, 0]], float)
    places = Neighborhoods.of(xy)
    assert places.shared.tolist() == [3, 1, 1]
    mean = places.mean(1).toarray()
    np.testing.assert_allclose(mean[0], [0.25, 0.25, 0.25, 0.25, 0])
    np.testing.assert_allclose(mean[0], mean[1])
    np.testing.assert_allclose(places.mean(0).toarray()[0], [1 / 3, 1 / 3, 1 / 3, 0, 0])


def test_a_small_section_has_the_neighbors_it_has():
    xy = np.concatenate([grid(), [[100.0, 100], [101, 100]]])
    places = Neighborhoods.of(xy, np.array(["a"] * 25 + ["b"] * 2))
    assert (places.nearest(6)[-1] >= 0).sum() == 2
    np.testing.assert_allclose(places.mean(15).toarray().sum(axis=1), 1)
    np.testing.assert_allclose(places.mean(15).toarray()[-1, -2:], 0.5)


def test_rings_and_pairs_equal_a_direct_search():
    xy = np.random.default_rng(1).uniform(size=(80, 2))
    places = Neighborhoods.of(xy)
    distance = np.linalg.norm(places.xy[:, None] - places.xy, axis=2)
    ring = places.ring(1.2, 2.3).toarray() > 0
    np.testing.assert_array_equal(ring, (distance > 1.2) & (distance <= 2.3))
    first, second, length = places.pairs_within(2.0, np.array([3, 9]))
    np.testing.assert_allclose(length, distance[first, second])
    assert len(first) == ((distance[[3, 9]] <= 2.0).sum() - 2)
