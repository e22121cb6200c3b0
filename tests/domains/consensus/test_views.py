import numpy as np
from scipy import sparse

from spatialrag.domains.consensus.neighborhoods import Neighborhoods
from spatialrag.domains.consensus.views import make_views


def layered(width, noise, n=18, genes=40, seed=0):
    """Logs of layers so many spots wide, under noise of single spots."""
    rng = np.random.default_rng(seed)
    xy = np.stack(np.meshgrid(np.arange(n), np.arange(n)), axis=-1).reshape(-1, 2) * 1.0
    layer = (xy[:, 0] // width).astype(int) % 4
    means = rng.uniform(0, 2, (4, genes))
    values = np.maximum(means[layer] + noise * rng.normal(size=(len(xy), genes)) + 1, 0)
    return sparse.csr_matrix(values), Neighborhoods.of(xy)


def efficiencies(*tissue):
    return {view.name: view.efficiency for view in make_views(*tissue, None)}


def test_thin_layers_of_clear_spots_trust_spots_and_wide_ones_of_noisy_spots_trust_means():
    thin, wide = efficiencies(*layered(2, 0.3)), efficiencies(*layered(6, 4.0))
    assert thin["own"] > 2 * thin["ranges"]
    assert wide["ranges"] > 1.1 * wide["own"]
    for found in (thin, wide):
        assert found["field"] == 1
        assert all(0 <= each <= 1 for each in found.values())


def test_views_are_the_same_for_rotated_places():
    logs, places = layered(4, 1.0)
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    first = make_views(logs, Neighborhoods.of(places.xy), None)
    second = make_views(logs, Neighborhoods.of(places.xy @ turn), None)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a.efficiency, b.efficiency, atol=0.05)


def test_without_structure_views_still_exist():
    rng = np.random.default_rng(0)
    logs = sparse.csr_matrix(rng.gamma(1, 1, (100, 12)))
    xy = rng.uniform(size=(100, 2))
    for view in make_views(logs, Neighborhoods.of(xy), None):
        assert np.isfinite(view.features).all()
        assert view.features.shape[0] == 100
