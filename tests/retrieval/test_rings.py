import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.retrieval.rings import check_radii, join_rings


def test_rings_against_a_loop():
    rng = np.random.default_rng(0)
    xy, vectors = rng.uniform(0, 1000, size=(60, 2)), rng.normal(size=(60, 5))
    found = join_rings(vectors, xy, radii_um=(150, 300))
    distance = np.linalg.norm(xy[:, None] - xy[None], axis=2)
    for i in range(60):
        inner = (distance[i] <= 150) & (np.arange(60) != i)
        outer = (distance[i] > 150) & (distance[i] <= 300)
        first = vectors[inner].mean(axis=0) if inner.any() else vectors[i]
        second = vectors[outer].mean(axis=0) if outer.any() else first
        np.testing.assert_allclose(
            found[i], np.concatenate([vectors[i], first, second]), rtol=1e-5, atol=1e-6
        )


def test_a_pitch_that_is_the_radius_belongs_to_the_ring():
    xy = np.array([[0, 0], [200, 0], [400, 0.0]]) * (1 + 1e-9)
    found = join_rings(np.array([[1.0], [2], [4]]), xy, radii_um=(200, 400))
    np.testing.assert_allclose(found, [[1, 2, 4], [2, 2.5, 2.5], [4, 2, 1]])


def test_one_spot_and_no_ring():
    alone = join_rings(np.array([[3.0, 1]]), np.zeros((1, 2)), radii_um=(200, 400))
    np.testing.assert_allclose(alone, [[3, 1, 3, 1, 3, 1]])
    np.testing.assert_allclose(join_rings(np.array([[3.0]]), np.zeros((1, 2)), radii_um=()), [[3]])


@pytest.mark.parametrize("radii", [(0, 200), (200, 200), (400, 200), (float("nan"),), (np.inf,)])
def test_radii_must_grow(radii):
    with pytest.raises(InputError, match="radii that grow"):
        check_radii(radii)
