import numpy as np
import pytest

torch = pytest.importorskip("torch")
from spatialrag.errors import InputError  # noqa: E402
from spatialrag.prediction.backbones.views import ADJACENT, view_of  # noqa: E402

GRID = np.stack(np.meshgrid(np.arange(4.0), np.arange(3.0)), axis=-1).reshape(-1, 2) * 200 + 7


def test_places_are_in_pitches_and_neighbors_nearest_first():
    view = view_of(np.ones((12, 2)), GRID, n_around=8)
    np.testing.assert_allclose(view.places[5], [1, 1])
    assert set(view.around[5, :4].tolist()) == {1, 4, 6, 9}
    assert (view.distance[5] <= ADJACENT).all()  # an inner spot of a square grid has eight
    assert int((view.distance[0] <= ADJACENT).sum()) == 3
    assert view.n_spots == 12


def test_slides_with_fewer_spots_than_neighbors():
    view = view_of(np.ones((3, 2)), GRID[:3], n_around=5)
    assert torch.isinf(view.distance[:, 2:]).all()
    assert view.around[1, 2:].tolist() == [1, 1, 1]
    alone = view_of(np.ones((1, 2)), GRID[:1], n_around=2)
    assert torch.isinf(alone.distance).all()


def test_spots_at_one_place_are_not_their_own_neighbors():
    view = view_of(np.ones((4, 2)), np.array([[0.0, 0], [0, 0], [0, 0], [1, 0]]) * 5, n_around=2)
    assert (view.distance[:3, 0] == 0).all()


def test_positions_must_be_known():
    with pytest.raises(InputError, match="without a position"):
        view_of(np.ones((2, 2)), np.array([[0.0, np.nan], [0, 0]]), n_around=1)
