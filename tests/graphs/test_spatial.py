import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy.spatial.distance import pdist, squareform
from sklearn.neighbors import kneighbors_graph, radius_neighbors_graph

from spatialrag.errors import InputError
from spatialrag.graphs.spatial import degree_graph, neighbor_distance, spatial_graph

RANDOM = np.random.default_rng(3).random((80, 2))


def hexagonal(columns=10, rows=10, pitch=100.0):
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    return pitch * np.column_stack([(x + 0.5 * (y % 2)).ravel(), (np.sqrt(0.75) * y).ravel()])


def square(side=8):
    return np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)


def test_radius_and_nearest_agree_with_scikit_learn():
    with pytest.warns(UserWarning, match="2 spots have no neighbors: 10, 14"):
        ours = spatial_graph(RANDOM, radius=0.15)
    assert ours.settings["isolated"] == ["10", "14"]
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
    with pytest.warns(UserWarning, match="7 spots have no neighbors"):
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


RINGS = {
    "square": [(0, 1), (1, 0), (1, 1), (1, -1)],
    "hexagonal": [(0, 2), (1, 1), (1, -1)],  # in half columns
    "array": [(0, 2), (1, 1), (1, -1)],
}


def lattice(kind, rng, *, side=9, holes=0.0, jitter=0.0, angle=0.0):
    """Return lattice indices (row, column) of spots, and their places."""
    row, column = np.divmod(np.arange(side * side), side)
    if kind != "square":
        column = 2 * column + row % 2
    index = np.column_stack([row, column])[rng.random(side * side) >= holes]
    if kind == "array":
        return index, index * 1.0
    step = {"square": [1.0, 1.0], "hexagonal": [np.sqrt(0.75), 0.5]}[kind]
    xy = index * step + rng.uniform(-jitter, jitter, index.shape)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return index, 137.0 * xy @ turn


def expected_edges(index, kind):
    """Return neighbors by their indices on the lattice: no distance is looked at."""
    at = {tuple(pair): i for i, pair in enumerate(index.tolist())}
    return {
        (min(i, j), max(i, j))
        for (row, column), i in at.items()
        for down, right in RINGS[kind]
        if (j := at.get((row + down, column + right))) is not None
    }


def edges_of(graph):
    row, column = graph.connectivities.nonzero()
    return {(i, j) for i, j in zip(row.tolist(), column.tolist(), strict=True) if i < j}


def off_tissue(xy, rng, kind, n):
    """Return spots at least two spacings away from the tissue, alone or in fragments."""
    unit = np.sqrt(2) if kind == "array" else 137.0
    middle, reach = xy.mean(axis=0), np.linalg.norm(np.ptp(xy, axis=0))
    angle = rng.uniform(0, 2 * np.pi, n)
    far = reach + unit * rng.uniform(2, 80, n)
    found = middle + far[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    if rng.random() < 0.5:
        # A fragment with the grid's own spacing, not quite aligned.
        away = np.arange(n) * (1 if found[0, 0] > middle[0] else -1)
        found = found[:1] + unit * np.column_stack([away, rng.uniform(-0.1, 0.1, n)])
    return np.rint(found) if kind == "array" and rng.random() < 0.5 else found


def quiet(xy, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return spatial_graph(xy, kind="auto", k=8, **options)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["square", "hexagonal", "array"]),
    seed=st.integers(0, 10**6),
    holes=st.sampled_from([0.0, 0.15]),
    jitter=st.sampled_from([0.0, 0.01, 0.05]),
    angle=st.floats(0, np.pi),
    n=st.integers(1, 12),
)
def test_spots_off_the_tissue_change_no_edge_among_the_others(kind, seed, holes, jitter, angle, n):
    rng = np.random.default_rng(seed)
    index, xy = lattice(kind, rng, holes=holes, jitter=jitter, angle=angle)
    alone = quiet(xy)
    assert alone.settings["kind"] == "grid"
    if kind != "square" or jitter < 0.02:  # more, and diagonals of a square grid are ambiguous
        assert edges_of(alone) == expected_edges(index, kind)
    order = rng.permutation(len(xy) + n)
    both = np.concatenate([xy, off_tissue(xy, rng, kind, n)])[order]
    found = quiet(both)
    where = np.argsort(order)
    kept = found.connectivities[where[: len(xy)]][:, where[: len(xy)]]
    np.testing.assert_array_equal(kept.toarray(), alone.connectivities.toarray())
    assert found.connectivities[where[: len(xy)]][:, where[len(xy) :]].nnz == 0
    assert found.settings.get("isolated", []) == [str(i) for i in found.isolated]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_each_section_is_judged_on_its_own(seed):
    rng = np.random.default_rng(seed)
    parts = [lattice(kind, rng, jitter=0.02)[1] for kind in ("square", "hexagonal")]
    parts.append(rng.uniform(0, 2000, (90, 2)))
    alone = [quiet(part) for part in parts]
    assert [graph.settings["kind"] for graph in alone] == ["grid", "grid", "knn"]
    with_stray = [np.concatenate([part, [[9e4, -9e4]]]) for part in parts]
    sections = np.repeat(["a", "b", "c"], [len(part) for part in with_stray])
    found = quiet(np.concatenate(with_stray), sections=sections)
    kinds = [part["kind"] for part in found.settings["sections"]]
    assert kinds == ["grid", "grid", "knn"]
    start = 0
    for part, graph in zip(parts, alone, strict=True):
        at = slice(start, start + len(part))
        own = found.connectivities[at, at].toarray()
        np.testing.assert_array_equal(own, graph.connectivities.toarray())
        start += len(part) + 1
    assert len(found.settings["isolated"]) == 2


def test_isolated_spots_are_named():
    names = np.array([f"s{i}" for i in range(66)])
    xy = np.concatenate([square() * 100.0, [[-500.0, -500.0], [4000.0, 0.0]]])
    with pytest.warns(UserWarning, match="2 spots have no neighbors: s64, s65"):
        graph = spatial_graph(xy, kind="auto", spots=names)
    assert graph.settings["isolated"] == ["s64", "s65"]
    assert graph.degrees[:64].max() == 8
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "isolated" not in spatial_graph(xy[:64], kind="auto", spots=names[:64]).settings


@pytest.mark.parametrize("flip", [False, True])
def test_array_indices_have_six_neighbors_under_every_kind(flip):
    index, xy = lattice("array", np.random.default_rng(0), side=12)
    xy = xy[:, ::-1] if flip else xy
    true = index * [np.sqrt(3), 1.0]
    with pytest.warns(UserWarning, match="array indices"):
        graph = spatial_graph(xy, kind="auto")
    assert graph.settings["array_indices"]
    assert edges_of(graph) == expected_edges(index, "array")
    np.testing.assert_allclose(graph.distances.data, 2)
    for options in ({"radius": 2.1}, {"kind": "knn", "k": 6}, {"kind": "grid", "rings": 2}):
        with pytest.warns(UserWarning, match="array indices"):
            found = spatial_graph(xy, **options)
        expected = spatial_graph(true, **options)
        assert edges_of(found) == edges_of(expected)
    with pytest.warns(UserWarning, match="array indices"):
        found = degree_graph(xy, degree=9)
    assert edges_of(found) == edges_of(degree_graph(true, degree=9))


@pytest.mark.realdata
def test_array_indices_of_visium_give_the_graph_of_its_pixels(data):
    folder = data / "visium" / "Vis5A_2dpi" / "spatial"
    table = pd.read_csv(folder / "tissue_positions_list.csv", header=None)
    table = table[table[1] == 1]
    pixels = spatial_graph(table[[5, 4]].to_numpy(float), kind="auto")
    for columns in ([2, 3], [3, 2]):
        with pytest.warns(UserWarning, match="array indices"):
            found = spatial_graph(table[columns].to_numpy(), kind="auto")
        assert (found.connectivities != pixels.connectivities).nnz == 0
    section = ad.read_h5ad(data / "domains" / "dlpfc_151675.h5ad", backed="r")
    with pytest.warns(UserWarning, match="no neighbors"):
        pixels = spatial_graph(section.obsm["spatial"], kind="auto")
    with pytest.warns(UserWarning, match="array indices"):
        found = spatial_graph(section.obs[["array_row", "array_col"]].to_numpy(), kind="auto")
    assert (found.connectivities != pixels.connectivities).nnz == 0


def twins(xy, rng, n):
    """Return places of which the last n are those of other spots."""
    return np.concatenate([xy, xy[rng.choice(len(xy), n, replace=False)]])


def shared_edges(xy):
    """Return pairs at one place, by comparing every two."""
    same = (xy[:, None] == xy).all(axis=2)
    return {(i, j) for i, j in np.argwhere(same).tolist() if i < j}


@pytest.mark.parametrize("kind", ["radius", "knn", "delaunay", "grid", "auto"])
@pytest.mark.parametrize("places", ["cells", "grid"])
def test_spots_at_one_place_are_neighbors_at_distance_0(kind, places):
    rng = np.random.default_rng(4)
    single = RANDOM if places == "cells" else hexagonal()
    xy = twins(single, rng, 20)
    with pytest.warns(UserWarning, match="40 of .* spots share their place"):
        graph = spatial_graph(xy, kind=kind, k=6)
    assert graph.settings["sharing_places"] == 40
    pairs = shared_edges(xy)
    assert len(pairs) == 20
    assert pairs <= edges_of(graph)
    first, second = np.array(sorted(pairs)).T
    assert (graph.distances[first, second] == 0).all()
    # Entries of 0 are kept: distances and connectivities have the same.
    np.testing.assert_array_equal(graph.distances.indices, graph.connectivities.indices)
    np.testing.assert_array_equal(graph.distances.indptr, graph.connectivities.indptr)
    if kind != "knn" and not (kind == "auto" and places == "cells"):
        # Twins have the same other neighbors, and who has no twin has the edges it had.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            before = spatial_graph(single, kind=kind)
        n = len(single)
        assert {e for e in edges_of(graph) if max(e) < n} == edges_of(before)
        neighbors = graph.connectivities.toarray().astype(bool)
        neighbors |= np.eye(len(neighbors), dtype=bool)
        np.testing.assert_array_equal(neighbors[first], neighbors[second])


def test_nearest_with_twins_are_nearest():
    xy = twins(RANDOM, np.random.default_rng(5), 20)
    with pytest.warns(UserWarning, match="share their place"):
        ours = spatial_graph(xy, kind="knn", k=5)
    distance = squareform(pdist(xy))
    np.fill_diagonal(distance, np.inf)
    last = np.sort(distance, axis=1)[:, 4:5]
    joined = ours.connectivities.toarray() > 0
    assert joined[distance < last].all()
    assert not joined[distance > np.maximum(last, last.T)].any()
    assert ours.degrees.min() >= 5
    heap = np.concatenate([RANDOM, np.repeat(RANDOM[:1], 12, axis=0)])
    with pytest.warns(UserWarning, match="13 of 92"):
        graph = spatial_graph(heap, kind="knn", k=3)
    assert graph.connectivities.diagonal().sum() == 0
    assert graph.degrees.min() >= 3


def test_sections_that_lie_on_each_other():
    """Without sections they are neighbors, which is said; with sections no edge joins two."""
    xy = np.concatenate([hexagonal(), hexagonal()])
    half = len(xy) // 2
    with pytest.warns(UserWarning, match=r"200 of 200 spots share(.|\n)*sections"):
        joined = spatial_graph(xy, kind="auto")
    assert joined.connectivities[:half, half:].nnz > 0
    assert joined.settings["sharing_places"] == 200
    apart = spatial_graph(xy, kind="auto", sections=np.repeat(["a", "b"], half))
    assert apart.connectivities[:half, half:].nnz == 0
