from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from spatialrag.domains.baselines.spatial_mgcn import SpatialMGCN, consistency  # noqa: E402
from spatialrag.metrics.domains import domain_scores  # noqa: E402
from spatialrag.semantics.spots import RandomSpots  # noqa: E402
from spatialrag.training.graph import Training  # noqa: E402


def test_consistency_is_the_mean_over_all_pairs():
    torch.manual_seed(0)
    first, second = torch.randn(7, 3, dtype=torch.float64), torch.randn(7, 3, dtype=torch.float64)
    grams = []
    for view in (first, second):
        centered = view - view.mean(0)
        unit = centered / centered.norm(dim=1, keepdim=True)
        grams.append(unit @ unit.T)
    torch.testing.assert_close(consistency(first, second), (grams[0] - grams[1]).square().mean())
    assert consistency(first, first).abs() < 1e-12


def test_finds_stripes_with_and_without_semantics(stripes):
    tissue, truth = stripes
    settings = SpatialMGCN(training=Training(epochs=25))
    found = settings.fit_predict(tissue, n_domains=4)
    assert domain_scores(truth, found.labels)["ari"] > 0.6
    assert found.arrays["losses"][-1] < found.arrays["losses"][0]
    few = replace(settings, training=replace(settings.training, epochs=3))
    other = few.fit_predict(tissue, n_domains=4, semantics=RandomSpots(dim=4))
    assert other.embedding.shape == found.embedding.shape
