import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from sklearn.neighbors import kneighbors_graph, radius_neighbors_graph

from spatialrag.errors import InputError
from spatialrag.graphs.spatial import degree_graph, neighbor_distance, on_grid, spatial_graph

RANDOM = np.random.default_rng(3).random((80, 2))


def hexagonal(columns=10, rows=10, pitch=100.0):
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    return pitch * np.column_stack([(x + 0.5 * (y % 2)).ravel(), (np.sqrt(0.75) * y).ravel()])


def square(side=8):
    return np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)


def test_radius_and_nearest_agree_with_scikit_learn():
    ours = spatial_graph(RANDOM, radius=0.15)
    theirs = radius_neighbors_graph(RANDOM, 0.15, mode="distance")
    np.testing.assert_allclose(ours.distances.toarray(), theirs.toarray())
    ours = spatial_graph(RANDOM, kind="knn", k=5)
    theirs = kneighbors_graph(RANDOM, 5).toarray()
    np.testing.assert_array_equal(ours.connectivities.toarray(), np.maximum(theirs, theirs.T))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 560.0])
def test_automatic_radius_finds_the_first_ring_in_any_unit(scale):
    graph = spatial_graph(scale * hexagonal())
    assert np.bincount(graph.degrees).argmax() == 6
    assert graph.settings["automatic"]
    assert graph.settings["radius"] == pytest.approx(1.5 * scale * 100)
    assert neighbor_distance(scale * hexagonal()) == pytest.approx(scale * 100)
    assert np.bincount(spatial_graph(scale * square()).degrees).argmax() == 8


def test_rings_of_a_grid():
    inner = 5 * 10 + 5
    for rings, expected in ((1, 6), (2, 18), (3, 36)):
        graph = spatial_graph(hexagonal(), kind="grid", rings=rings)
        assert graph.degrees[inner] == expected


def test_delaunay_joins_everything_and_can_be_cut():
    whole = spatial_graph(RANDOM, kind="delaunay")
    assert whole.degrees.min() >= 2
    assert whole.degrees.mean() < 6
    cut = spatial_graph(RANDOM, kind="delaunay", radius=0.1)
    assert cut.distances.max() <= 0.1
    distances = squareform(pdist(RANDOM))
    row, column = cut.connectivities.nonzero()
    np.testing.assert_allclose(cut.distances[row, column].A1, distances[row, column])


def test_sections_stay_apart_even_where_they_overlap():
    both = np.concatenate([hexagonal(5, 5), 3 * hexagonal(5, 5)])
    sections = np.repeat(["a", "b"], 25)
    graph = spatial_graph(both, sections=sections)
    row, column = graph.connectivities.nonzero()
    assert (sections[row] == sections[column]).all()
    radii = [part["radius"] for part in graph.settings["sections"]]
    assert radii == pytest.approx([150, 450])
    order = np.random.default_rng(0).permutation(50)
    mixed = spatial_graph(both[order], sections=sections[order])
    np.testing.assert_array_equal(
        mixed.connectivities.toarray(), graph.connectivities.toarray()[np.ix_(order, order)]
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "circle"}, "unknown kind"),
        ({"radius": -1.0}, "radius must be positive"),
        ({"radius": 1e-9}, "no two spots are neighbors"),
        ({"kind": "knn", "k": 80}, "1 to 79"),
        ({"kind": "grid", "rings": 0}, "rings must be at least 1"),
        ({"sections": np.arange(80) // 79}, "one spot of section 1"),
    ],
)
def test_bad_input(changes, message):
    with pytest.raises(InputError, match=message):
        spatial_graph(RANDOM, **changes)


def test_spots_on_a_line_cannot_be_triangulated():
    with pytest.raises(InputError, match="cannot be triangulated"):
        spatial_graph(np.column_stack([np.arange(5), np.arange(5)]), kind="delaunay")


def test_automatic_kind_sees_grids():
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), axis=-1).reshape(-1, 2)
    jittered = grid + rng.normal(0, 0.02, grid.shape)
    assert spatial_graph(jittered, kind="auto").settings["kind"] == "grid"
    cells = rng.uniform(0, 8, (64, 2))
    assert spatial_graph(cells, kind="auto", k=5).settings["kind"] == "knn"
    assert on_grid(grid)
    assert not on_grid(cells)


def test_degree_is_a_number_of_neighbors_not_a_distance():
    rows = np.stack(np.meshgrid(np.arange(12.0), np.arange(12.0)), axis=-1).reshape(-1, 2)
    rows[:, 0] += 0.5 * (rows[:, 1] % 2)
    hexagonal = rows * [1, np.sqrt(0.75)]
    graph = degree_graph(hexagonal, degree=15)
    assert graph.degrees.max() == 18
    assert graph.degrees.min() > 2
    assert graph.settings["radius"] == pytest.approx(2)
    far = np.concatenate([hexagonal, [[30.0, 30.0]]])
    assert degree_graph(far, degree=15).settings["radius"] > 10
    with pytest.raises(InputError, match="too small"):
        degree_graph(hexagonal[:10], degree=15)
