from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from spatialrag.domains.baselines.baseline import Fused  # noqa: E402
from spatialrag.domains.baselines.stagate import STAGATE, _AutoEncoder  # noqa: E402
from spatialrag.metrics.domains import domain_scores  # noqa: E402
from spatialrag.semantics.spots import RandomSpots  # noqa: E402
from spatialrag.training.graph import Training  # noqa: E402


def test_attention_and_reconstruction_by_hand():
    torch.manual_seed(0)
    values = torch.randn(4, 6)
    edges = torch.tensor([[0, 1, 1, 2, 0, 1, 2, 3], [1, 0, 2, 1, 0, 1, 2, 3]])
    net = _AutoEncoder(values, edges, 5, Fused(3, "fsm", None), 3)
    hidden = values @ net.first
    attention = torch.zeros(4, 4)
    for sender, receiver in edges.T.tolist():
        logit = hidden[sender] @ net.source + hidden[receiver] @ net.target
        attention[receiver, sender] = torch.exp(torch.sigmoid(logit))
    attention = attention / attention.sum(1, keepdim=True)
    latent = torch.nn.functional.elu(attention @ hidden) @ net.second
    torch.testing.assert_close(net.embedding(), latent)
    back = torch.nn.functional.elu(attention @ (latent @ net.second.T)) @ net.first.T
    torch.testing.assert_close(net.loss(None), (back - values).square().mean())


def test_finds_stripes_with_and_without_semantics(stripes):
    tissue, truth = stripes
    settings = STAGATE(hidden=64, training=Training(epochs=80, weight_decay=1e-4, clip=5.0))
    found = settings.fit_predict(tissue, n_domains=4)
    assert domain_scores(truth, found.labels)["ari"] > 0.7
    assert found.embedding.shape == (400, 30)
    few = replace(settings, training=replace(settings.training, epochs=3))
    other = few.fit_predict(tissue, n_domains=4, semantics=RandomSpots(dim=4))
    assert other.embedding.shape == (400, 30)
