import numpy as np
import pytest

torch = pytest.importorskip("torch")
from spatialrag.metrics.expression import pearson_per_gene  # noqa: E402
from spatialrag.prediction.backbones.network import SpotNetwork, TrainingSlide, mean_r  # noqa: E402
from spatialrag.prediction.backbones.views import view_of  # noqa: E402

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(30, 5)), RNG.normal(size=(30, 5))


class Echo(SpotNetwork):
    def forward(self, view, rows):
        return view.vectors[rows]


def slide(rows):
    view = view_of(X, RNG.random((30, 2)), n_around=1)
    return TrainingSlide(view, torch.as_tensor(Y, dtype=torch.float32), torch.as_tensor(rows), "d")


def test_mean_r_is_that_of_the_metric():
    x = X.copy()
    x[:, 2] = 0
    found = mean_r(torch.as_tensor(x), torch.as_tensor(Y))
    assert found == pytest.approx(pearson_per_gene(x, Y).mean())


def test_a_slide_is_watched_on_its_rows():
    rows = np.arange(12, 30)
    expected = pearson_per_gene(X[rows], Y[rows]).mean()
    assert Echo().validation_score(slide(rows)) == pytest.approx(expected, abs=1e-6)


def test_the_loss_is_the_squared_error_of_the_rows():
    loss = Echo().loss(slide(np.arange(30)), torch.arange(4), torch.Generator())
    assert float(loss) == pytest.approx(np.square(X[:4] - Y[:4]).mean(), rel=1e-5)
