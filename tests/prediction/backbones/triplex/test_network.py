from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from spatialrag.prediction.backbones.network import TrainingSlide  # noqa: E402
from spatialrag.prediction.backbones.triplex.network import (  # noqa: E402
    Attention,
    GlobalView,
    NeighborView,
    Sizes,
    Triplex,
    triplex_loss,
)
from spatialrag.prediction.backbones.views import view_of  # noqa: E402

SIZES = Sizes(width=8, global_depth=2, dropouts=(0.0, 0.0, 0.0))
XY = np.stack(np.meshgrid(np.arange(4.0), np.arange(3.0)), axis=-1).reshape(-1, 2)
X = np.random.default_rng(0).normal(size=(12, 5))
VIEW = view_of(X, XY, n_around=6)


def test_loss_by_hand():
    rng = np.random.default_rng(0)
    values = {n: rng.normal(size=(4, 3)) for n in ("fused", "target", "neighbor", "everywhere")}
    truth = rng.normal(size=(4, 3))
    expected = np.square(values["fused"] - truth).mean()
    for name in ("target", "neighbor", "everywhere"):
        expected += 0.7 * np.square(values[name] - truth).mean()
        expected += 0.3 * np.square(values[name] - values["fused"]).mean()
    found = triplex_loss(
        {name: torch.tensor(array) for name, array in values.items()}, torch.tensor(truth), 0.3
    )
    assert float(found) == pytest.approx(expected)


def test_attention_against_torch():
    """The attention inside, with torch's own module under the same weights."""
    torch.manual_seed(0)
    layer = Attention(8, 2, 1.0, 0.0, cross=True).eval()
    theirs = torch.nn.MultiheadAttention(8, 2, batch_first=True).eval()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([layer.q.weight, layer.kv.weight]))
        theirs.in_proj_bias.copy_(torch.cat([layer.q.bias, layer.kv.bias]))
        theirs.out_proj.load_state_dict(layer.out.state_dict())
    x, keys = torch.randn(3, 4, 8), torch.randn(3, 5, 8)
    mixed = x + theirs(layer.norm_q(x), layer.norm_k(keys), layer.norm_k(keys))[0]
    torch.testing.assert_close(layer(x, keys), mixed + layer.feed(mixed))


def test_neighbors_that_are_not_there_change_nothing():
    torch.manual_seed(0)
    network = Triplex(5, 3, SIZES, 0.3).eval()
    few = view_of(X[:3], XY[:3], n_around=2)
    padded = view_of(X[:3], XY[:3], n_around=6)
    rows = torch.arange(3)
    torch.testing.assert_close(network(few, rows), network(padded, rows))


def test_attention_bias_knows_distance():
    torch.manual_seed(0)
    neighbors = NeighborView(5, SIZES).eval()
    rows = torch.tensor([5])
    before = neighbors(VIEW, rows)[0]
    with torch.no_grad():
        neighbors.near.weight[2] += 5  # bucket 2: one pitch apart
    assert not torch.allclose(before, neighbors(VIEW, rows)[0])


def test_places_enter_by_a_convolution_over_the_grid():
    """A depthwise kernel that only looks left returns the left neighbor's token."""
    everywhere = GlobalView(5, SIZES)
    with torch.no_grad():
        everywhere.places.weight.zero_()
        everywhere.places.bias.zero_()
        everywhere.places.weight[:, 0, 1, 0] = 1
    x = torch.randn(12, 8)
    moved = everywhere._around(x, VIEW.places)
    torch.testing.assert_close(moved[1], x[0])
    torch.testing.assert_close(moved[0], torch.zeros(8))


def test_tiles_are_the_tokens_of_the_target_view():
    torch.manual_seed(0)
    network = Triplex(5, 3, SIZES, 0.3).eval()
    rows = torch.arange(12)
    whole = network(VIEW, rows)
    same = replace(VIEW, tiles=VIEW.vectors[:, None].expand(12, 9, 5))
    torch.testing.assert_close(network(same, rows), whole)
    other = replace(VIEW, tiles=torch.randn(12, 9, 5))
    assert not torch.allclose(network(other, rows), whole)


def test_every_head_is_trained():
    torch.manual_seed(0)
    network = Triplex(5, 3, SIZES, 0.3)
    slide = TrainingSlide(VIEW, torch.randn(12, 3), torch.arange(12), "d")
    network.loss(slide, slide.rows, torch.Generator()).backward()
    without = [name for name, p in network.named_parameters() if p.grad is None]
    assert without == []
