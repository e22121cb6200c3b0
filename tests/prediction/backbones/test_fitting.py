from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from spatialrag.errors import InputError  # noqa: E402
from spatialrag.prediction.backbones.fitting import Fitting, fit_network, hold_out  # noqa: E402
from spatialrag.prediction.backbones.network import Slide, SpotNetwork  # noqa: E402
from spatialrag.prediction.backbones.views import view_of  # noqa: E402


class Layer(SpotNetwork):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Sequential(torch.nn.Dropout(0.2), torch.nn.Linear(3, 2))

    def forward(self, view, rows):
        return self.layer(view.vectors[rows])


class Remembering(Layer):
    """Predicts with what it keeps of the references, as BLEEP does."""

    def __init__(self):
        super().__init__()
        self.register_buffer("level", torch.empty(0))

    def forward(self, view, rows):
        return super().forward(view, rows) + 0 * self.level.sum()

    def remember(self, slides):
        self.level = torch.cat([slide.targets.mean(dim=1) for slide in slides])


def make_slide(group, *, n=40, seed=0, noise=0.3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    y = x @ np.array([[1.0, 0], [0, 2], [1, 1]]) + noise * rng.normal(size=(n, 2))
    xy = np.stack(np.divmod(np.arange(n), 8), axis=1) * 10.0
    targets = torch.as_tensor(y, dtype=torch.float32)
    return Slide(view_of(x, xy, n_around=1), targets, torch.arange(n), group)


SLIDES = [make_slide(f"d{i}", seed=i) for i in range(4)]
FITTING = Fitting(epochs=25, learning_rate=0.05, batch=16, patience=4)


def run(slides=SLIDES, fitting=FITTING, make=Layer, **options):
    return fit_network(make, slides, fitting, label="layer", **options)


def groups(slides):
    return {slide.group for slide in slides}


def test_held_out_groups_are_whole_and_never_all():
    rest, watched = hold_out(SLIDES, FITTING)
    assert groups(watched) == groups(hold_out(SLIDES, FITTING)[1])
    assert len(groups(watched)) == 1
    assert groups(rest) | groups(watched) == groups(SLIDES)
    assert not groups(rest) & groups(watched)
    assert hold_out(SLIDES, replace(FITTING, patience=None)) == (SLIDES, [])
    uneven = [make_slide("big", n=200), make_slide("small", n=8)]
    assert len(hold_out(uneven, FITTING)[1]) == 1


def test_of_a_single_slide_one_end_is_held_out():
    (rest,), (strip,) = hold_out(SLIDES[:1], FITTING)
    assert sorted([*rest.rows.tolist(), *strip.rows.tolist()]) == list(range(40))
    assert len(strip.rows) == 8
    long = strip.view.places[:, 1]  # 8 spots that way, 5 the other
    assert long[strip.rows].max() <= long[rest.rows].min()
    (_,), (other,) = hold_out(SLIDES[:1], replace(FITTING, seed=1))
    assert not set(other.rows.tolist()) & set(strip.rows.tolist())
    tiny = [make_slide("d", n=12)]
    assert hold_out(tiny, FITTING) == (tiny, [])


def test_a_shifted_donor_does_not_stop_training():
    """The held-out group's level differs: the loss rises from the start, the pattern is learned."""
    slides = [make_slide(f"d{i}", seed=i) for i in range(4)]
    shifted = [replace(slide, targets=slide.targets + 50) for slide in hold_out(slides, FITTING)[1]]
    rest = [slide for slide in slides if slide.group not in groups(shifted)]
    found = run([*rest, *shifted])
    assert found.held.max() > 0.9


def test_it_learns_and_stops_on_held_out_groups():
    found = run()
    assert 1 <= found.epochs <= 25
    assert found.held.argmax() + 1 == found.epochs
    assert not found.network.training
    slide = SLIDES[0]
    with torch.inference_mode():
        error = (found.network.predict(slide.view) - slide.targets).square().mean()
    assert error < 0.4 * slide.targets.var()


def test_without_refit_the_best_weights_are_kept():
    kept = run(fitting=replace(FITTING, refit=False))
    assert kept.epochs == run().epochs
    (held,) = hold_out(SLIDES, FITTING)[1]
    with torch.inference_mode():
        assert kept.network.watch(held) == pytest.approx(kept.held.max(), rel=1e-6)


def test_the_seed_decides():
    first, again = run(), run()
    other = run(fitting=replace(FITTING, seed=1))
    weight = [found.network.layer[1].weight for found in (first, again, other)]
    assert torch.equal(weight[0], weight[1])
    assert not torch.equal(weight[0], weight[2])


@pytest.mark.parametrize("kind", [Layer, Remembering])
@pytest.mark.parametrize("part", ["search", "all"])
def test_an_interrupted_training_ends_as_an_uninterrupted_one(tmp_path, part, kind, monkeypatch):
    """Stopped in the search, and in the training on everything."""
    monkeypatch.setattr("spatialrag.prediction.backbones.fitting._PAUSE", 0.0)
    whole = run(make=kind)
    stop_at = 24 if part == "search" else 7 * len(whole.held) + 20
    path = tmp_path / "run.pt"
    steps = 0

    class Interrupted(kind):
        def loss(self, slide, rows, generator):
            nonlocal steps
            steps += 1
            if steps == stop_at:
                raise KeyboardInterrupt
            return super().loss(slide, rows, generator)

    with pytest.raises(KeyboardInterrupt):
        fit_network(Interrupted, SLIDES, FITTING, label="x", checkpoint=path, key="k")
    assert {p.name for p in tmp_path.iterdir()} >= {f"run.pt.{part}"}
    with pytest.raises(InputError, match="checkpoint of another training"):
        run(make=kind, checkpoint=path, key="other")
    resumed = run(make=kind, checkpoint=path, key="k")
    assert resumed.epochs == whole.epochs
    assert torch.equal(resumed.network.layer[1].weight, whole.network.layer[1].weight)
    assert not list(tmp_path.iterdir())


def test_a_loss_that_is_not_finite():
    bad = replace(SLIDES[0], targets=SLIDES[0].targets * float("nan"))
    with pytest.raises(InputError, match="no longer finite in epoch 1"):
        run([bad])


def test_settings_are_checked():
    with pytest.raises(InputError, match="patience must be at least 1"):
        Fitting(patience=0)
    with pytest.raises(InputError, match="learning_rate must be positive"):
        Fitting(learning_rate=0.0)
