import pytest

torch = pytest.importorskip("torch")

from spatialrag.errors import InputError  # noqa: E402
from spatialrag.training.graph import Training, train  # noqa: E402


class Line(torch.nn.Module):
    """Fits a noisy line; the noise comes from the generator that a checkpoint keeps."""

    def __init__(self, stop_at=None):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2))
        self.generator = torch.Generator().manual_seed(0)
        self.stop_at, self.calls = stop_at, 0

    def backward(self):
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        self.calls += 1
        x = torch.randn(20, 2, generator=self.generator)
        loss = ((x @ self.weight - x.sum(1)) ** 2).mean()
        loss.backward()
        return float(loss.detach())


def fit(line, settings, **more):
    return train(line, line.backward, settings, label="x", generator=line.generator, **more)


def test_loss_falls():
    losses = fit(Line(), Training(epochs=100, learning_rate=0.1))
    assert len(losses) == 100
    assert losses[-1] < 0.05 * losses[0]


def test_resumed_run_ends_where_an_uninterrupted_one_does(tmp_path):
    settings = Training(epochs=20, learning_rate=0.1, save_every=5)
    whole = Line()
    expected = fit(whole, settings)
    path = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        fit(Line(stop_at=12), settings, checkpoint=path, key="k")
    rest = Line()
    losses = fit(rest, settings, checkpoint=path, key="k")
    assert rest.calls == 10
    torch.testing.assert_close(rest.weight, whole.weight, rtol=0, atol=0)
    assert losses.tolist() == expected.tolist()
    assert list(tmp_path.iterdir()) == []


def test_checkpoint_of_another_run(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit(Line(stop_at=12), Training(save_every=5), checkpoint=tmp_path / "c", key="a")
    with pytest.raises(InputError, match="another training"):
        fit(Line(), Training(), checkpoint=tmp_path / "c", key="b")


def test_plateau_stops():
    losses = fit(Line(), Training(epochs=2000, learning_rate=0.1, patience=50))
    assert 100 <= len(losses) < 2000


def test_clipping_bounds_the_step():
    line = Line()
    fit(line, Training(epochs=1, clip=1e-3))
    assert line.weight.grad.norm() <= 1.01e-3


def test_non_finite_loss_stops():
    line = Line()
    line.backward = lambda: float("nan")
    with pytest.raises(InputError, match="no longer finite in epoch 1"):
        fit(line, Training())


def test_bad_settings():
    with pytest.raises(InputError, match="at least one epoch"):
        Training(epochs=0)
    with pytest.raises(InputError, match="patience"):
        Training(patience=0)
