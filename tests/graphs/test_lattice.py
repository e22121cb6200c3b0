import numpy as np
import pytest

from spatialrag.graphs.lattice import array_rows, neighbor_distance, on_grid, unfold_array


def square(side=12):
    return np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2) * 1.0


def indices(rows=14, columns=20):
    """Visium's array_row and array_col: each second column, shifted in odd rows."""
    row, column = np.divmod(np.arange(rows * columns), columns)
    return np.column_stack([row, 2 * column + row % 2])


@pytest.mark.parametrize("jitter", [0, 0.03, 0.08])
def test_grids_are_told_from_cells_whatever_lies_off_them(jitter):
    rng = np.random.default_rng(0)
    grid = square() + rng.normal(0, jitter, (144, 2))
    assert on_grid(grid)
    stray = np.column_stack([np.linspace(6, 17, 40) ** 2, np.full(40, 90.0)])
    assert on_grid(np.concatenate([grid, stray]))
    assert on_grid(grid[rng.random(144) > 0.4])
    # Cells: uniform ones, and ones that keep a distance.
    cells = rng.uniform(0, 12, (400, 2))
    assert not on_grid(cells)
    apart = [cells[0]]
    for cell in cells:
        if min(np.hypot(*(cell - other)) for other in apart) > 0.45:
            apart.append(cell)
    assert not on_grid(np.array(apart))


def test_spots_at_one_place_count_once():
    grid = square(6)
    twins = np.concatenate([grid, grid[:15]])
    assert on_grid(twins)
    assert neighbor_distance(twins) == 1


def test_spacing_is_that_of_the_largest_piece_to_the_last_digit():
    rng = np.random.default_rng(1)
    grid = square() + rng.normal(0, 0.05, (144, 2))
    own = np.linalg.norm(grid[:, None] - grid, axis=2)
    np.fill_diagonal(own, np.inf)
    assert neighbor_distance(grid) == np.median(own.min(axis=1))
    fragment = square(4) * 0.9 + 40 + rng.normal(0, 0.05, (16, 2))
    assert neighbor_distance(np.concatenate([fragment, grid])) == neighbor_distance(grid)


def test_array_indices_are_known_by_their_diagonals():
    given = indices()
    assert array_rows(given) == 0
    assert array_rows(given[:, ::-1]) == 1
    assert array_rows(-given) == 0
    assert array_rows(given + np.array([1000.0, 7])) == 0
    assert array_rows(np.concatenate([given, [[-500, -500], [3.5, 900.25], [0, 901]]])) == 0
    assert array_rows(given[np.random.default_rng(0).random(len(given)) > 0.3]) == 0


@pytest.mark.parametrize(
    "other",
    [
        square(),
        2 * square(),
        square() @ np.array([[1, -1], [1, 1]]) * 70,
        square() + np.array([0.5, 0]),
        np.column_stack([np.arange(30), np.arange(30)]),
        unfold_array(indices(), rows=0),
        np.random.default_rng(0).integers(0, 300, (200, 2)),
    ],
    ids=["square", "even", "diagonal_pixels", "halves", "line", "unfolded", "integers"],
)
def test_other_coordinates_are_not_array_indices(other):
    assert array_rows(other) is None


def test_unfolded_indices_are_a_hexagonal_grid():
    for given, rows in ((indices(), 0), (indices()[:, ::-1], 1)):
        places = unfold_array(given, rows=rows)
        distance = np.sort(np.linalg.norm(places - places[6 * 20 + 9], axis=1))
        np.testing.assert_allclose(distance[1:7], 2)
        assert distance[7] == pytest.approx(2 * np.sqrt(3))
