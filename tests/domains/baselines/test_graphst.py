from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from spatialrag.domains.baselines.baseline import Fused  # noqa: E402
from spatialrag.domains.baselines.graphst import GraphST, _Contrast  # noqa: E402
from spatialrag.metrics.domains import domain_scores  # noqa: E402
from spatialrag.semantics.spots import RandomSpots  # noqa: E402
from spatialrag.training.graph import Training  # noqa: E402


def test_loss_by_hand():
    torch.manual_seed(0)
    values, a = torch.rand(5, 6), torch.rand(5, 5)
    mask = torch.eye(5) / 2 + torch.eye(5).roll(1, 0) / 2
    net = _Contrast(values, a.to_sparse(), mask.to_sparse(), Fused(3, "fsm", None), 3, 10.0)
    order = torch.randperm(5, generator=torch.Generator().manual_seed(1))
    latent = [a @ (x @ net.encode.weight.T) for x in (values, values[order])]
    rebuilt = a @ (latent[0] @ net.decode.weight.T)
    torch.testing.assert_close(net.embedding(), rebuilt)
    expected = 10 * (rebuilt - values).square().mean()
    positive = [torch.relu(x) for x in latent]
    for own, other in (positive, positive[::-1]):
        mean = mask @ own
        summary = torch.sigmoid(mean / mean.norm(dim=1, keepdim=True).clamp_min(1e-12))
        scores = torch.sigmoid(torch.cat([net.judge(own, summary), net.judge(other, summary)], 1))
        expected = expected - (torch.log(scores[:, 0]) + torch.log(1 - scores[:, 1])).mean() / 2
    found = net.loss(torch.Generator().manual_seed(1))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_finds_stripes_with_and_without_semantics(stripes):
    tissue, truth = stripes
    settings = GraphST(k=8, training=Training(epochs=40, weight_decay=0.0))
    found = settings.fit_predict(tissue, n_domains=4)
    assert domain_scores(truth, found.labels)["ari"] > 0.6
    assert found.embedding.shape == (400, 20)
    few = replace(settings, training=replace(settings.training, epochs=3))
    other = few.fit_predict(tissue, n_domains=4, semantics=RandomSpots(dim=4))
    assert other.embedding.shape == (400, 20)
