import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spatialrag.errors import InputError  # noqa: E402
from spatialrag.training.checkpoint import Checkpoint  # noqa: E402
from spatialrag.training.run import Run, is_flat, is_stalled  # noqa: E402


def make_run(checkpoint=None):
    torch.manual_seed(0)
    network = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    return Run(network, optimizer, torch.Generator().manual_seed(0), "a line", checkpoint)


def epoch_of(run, calls=None, stop_at=None):
    """Each epoch moves the weights towards what the generator draws."""

    def backward():
        x = torch.randn(8, 2, generator=run.generator)
        loss = (run.network(x) - x.sum(dim=1, keepdim=True)).square().mean()
        loss.backward()
        return float(loss.detach())

    def epoch(number):
        if number == stop_at:
            raise KeyboardInterrupt
        if calls is not None:
            calls.append(number)
        return run.step(backward)

    return epoch


def weights(run):
    return run.network.weight.detach().clone()


def test_without_scores_the_last_weights_are_kept():
    run, calls = make_run(), []
    curve = run.train(epoch_of(run, calls), 5)
    assert calls == [0, 1, 2, 3, 4]
    assert run.epochs == len(curve) == 5
    assert run.best == {}


def test_with_scores_the_best_weights_are_kept_and_training_stops():
    run, seen = make_run(), []
    scores = iter([0.1, 0.5, 0.4, 0.5, 0.3, 0.2, 0.9])

    def score():
        seen.append(weights(run))
        return next(scores)

    curve = run.train(epoch_of(run), 7, score=score, stops=lambda c: is_stalled(c, 4))
    assert curve.tolist() == [0.1, 0.5, 0.4, 0.5, 0.3, 0.2]
    assert torch.equal(weights(run), seen[3])  # of equal scores the later


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(tmp_path):
    def checkpoint():
        return Checkpoint(tmp_path / "run.pt", "k", "data", every=2)

    def train(run, stop_at=None):
        score = lambda: -float(weights(run).norm())  # noqa: E731
        return run.train(epoch_of(run, stop_at=stop_at), 9, score=score)

    whole, first, second = make_run(), make_run(checkpoint()), make_run(checkpoint())
    expected = train(whole)
    with pytest.raises(KeyboardInterrupt):
        train(first, stop_at=5)
    assert train(second).tolist() == expected.tolist()
    assert torch.equal(weights(second), weights(whole))


def test_after_each_epoch():
    run, done = make_run(), []
    run.train(epoch_of(run), 3, after=done.append)
    assert done == [1, 2, 3]


def test_one_step_of_gradient_descent_by_hand():
    run = make_run()
    before = weights(run)
    loss = run.step(lambda: (run.network.weight.sum().backward(), 3.0)[1])
    assert loss == 3.0
    torch.testing.assert_close(weights(run), before - 0.1)
    run.step(lambda: (run.network.weight.sum().backward(), 3.0)[1], clip=1e-3)
    assert run.network.weight.grad.norm() <= 1.01e-3


def test_a_loss_that_is_not_finite():
    run = make_run()
    with pytest.raises(InputError, match="a line is no longer finite in epoch 1"):
        run.train(lambda _: run.step(lambda: float("nan")), 2)


def test_rules_of_stopping():
    assert not is_stalled([], 1)
    assert not is_stalled([3, 2, 1], None)
    assert is_stalled([3, 2, 1], 2)
    assert not is_stalled([3, 2, 4], 1)
    falling = np.linspace(1, 0, 40)
    assert not is_flat(falling, 10)
    assert is_flat(np.ones(20), 10)
    assert not is_flat(np.ones(19), 10)
    assert not is_flat(np.ones(40), None)
