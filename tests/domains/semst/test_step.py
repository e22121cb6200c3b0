import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spatialrag.domains.losses import (  # noqa: E402
    correlation_reduction,
    spatial_regularization,
    zinb_loss,
)
from spatialrag.domains.semst.inputs import make_inputs  # noqa: E402
from spatialrag.domains.semst.network import Network  # noqa: E402
from spatialrag.domains.semst.settings import Architecture, Graphs, Objective  # noqa: E402
from spatialrag.domains.semst.step import backward  # noqa: E402

ARCHITECTURE = Architecture(hidden=16, width=8, n_components=8)


@pytest.fixture(scope="module")
def made(stripes):
    tissue, _ = stripes
    semantic = np.random.default_rng(0).normal(size=(tissue.n_spots, 6))
    return make_inputs(tissue, semantic, Graphs(), ARCHITECTURE, Objective(), device="cpu")


def network(architecture=ARCHITECTURE, heads=("mean", "dispersion", "dropout")):
    torch.manual_seed(0)
    return Network(8, 30, 6, architecture, heads)


def gradients(made, objective, net=None):
    net = net or network()
    loss = backward(net, made, objective, torch.Generator().manual_seed(0))
    return loss, torch.cat([p.grad.flatten() for p in net.parameters()])


def test_chunks_change_nothing(made):
    whole, by_hand = gradients(made, Objective(rows=None, chunk=1000))
    parts, found = gradients(made, Objective(rows=None, chunk=37))
    assert parts == pytest.approx(whole, rel=1e-5)
    torch.testing.assert_close(found, by_hand, rtol=1e-4, atol=1e-6)


def test_loss_and_gradient_are_those_of_eq_14(made):
    objective = Objective(rows=None, relative=False, gamma=0.3, lambda_=0.7)
    loss, found = gradients(made, objective)
    net = network()
    first, second = net.branches(made.values, made.space, made.features)
    latent = net.final(first, second, made.semantic)
    decoded = net.decode(latent, made.totals)
    target = torch.from_numpy(made.target.toarray())
    expected = (
        zinb_loss(target, decoded["mean"], decoded["dispersion"], decoded["dropout"]).mean()
        + 0.3 * correlation_reduction(first, second)
        + 0.7 * spatial_regularization(latent, made.edges)
    )
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    by_hand = torch.cat([p.grad.flatten() for p in net.parameters()])
    torch.testing.assert_close(found, by_hand, rtol=1e-4, atol=1e-6)


def test_sums_as_printed(made):
    mean = gradients(made, Objective(rows=None, relative=False, gamma=0, lambda_=0))[0]
    summed = gradients(made, Objective(rows=None, relative=False, gamma=0, lambda_=0, summed=True))[
        0
    ]
    assert summed == pytest.approx(mean * 400 * 30, rel=1e-5)
    options = {"rows": None, "relative": False, "gamma": 0, "pairs": "all", "form": "exact"}
    mean = gradients(made, Objective(lambda_=1, **options))[0] - mean
    summed = gradients(made, Objective(lambda_=1, summed=True, **options))[0] - summed
    assert summed == pytest.approx(mean * 400**2, rel=1e-3)


def test_drawn_rows_are_right_on_average(made):
    objective = Objective(rows=50, relative=False, gamma=0, lambda_=0)
    generator = torch.Generator().manual_seed(0)
    drawn = [backward(network(), made, objective, generator) for _ in range(60)]
    whole = gradients(made, Objective(rows=None, relative=False, gamma=0, lambda_=0))[0]
    assert np.std(drawn) > 0
    assert np.mean(drawn) == pytest.approx(whole, rel=0.01)
    assert gradients(made, objective)[0] == gradients(made, objective)[0]


def test_gaussian_and_ridge(made):
    objective = Objective(likelihood="gaussian", relative=False, rows=None, gamma=0, lambda_=0)
    net = network(heads=("mean",))
    loss, _ = gradients(made, objective, net)
    first, second = net.branches(made.values, made.space, made.features)
    decoded = net.decode(net.final(first, second, made.semantic), made.totals)["mean"]
    target = made.target.toarray()
    target = torch.from_numpy((target - target.mean(0)) / target.std(0))
    expected = (decoded - target).square().mean()
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    options = {"rows": None, "relative": False, "gamma": 0, "lambda_": 0}
    plain, ridged = (gradients(made, Objective(dropout_ridge=r, **options))[0] for r in (0, 1))
    assert ridged > plain


def test_reconstruction_is_relative_to_where_it_starts(made):
    alone = {"rows": None, "gamma": 0, "lambda_": 0}
    loss, found = gradients(made, Objective(**alone))
    absolute, by_hand = gradients(made, Objective(relative=False, **alone))
    assert loss == pytest.approx(1)
    torch.testing.assert_close(found * absolute, by_hand, rtol=1e-4, atol=1e-6)
    net = network()
    first = backward(net, made, Objective(**alone), torch.Generator())
    with torch.no_grad():
        net.decoder[0].weight.mul_(2)
    assert net.start == pytest.approx(absolute)
    assert backward(net, made, Objective(**alone), torch.Generator()) != pytest.approx(first)
    assert net.start == pytest.approx(absolute)
