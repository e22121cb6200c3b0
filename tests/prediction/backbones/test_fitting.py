from dataclasses import replace
from functools import cache

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from spatialrag.errors import InputError  # noqa: E402
from spatialrag.prediction.backbones.fitting import Fitting, fit_network, hold_out  # noqa: E402
from spatialrag.prediction.backbones.network import SpotNetwork, TrainingSlide  # noqa: E402
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

    def store_references(self, slides):
        self.level = torch.cat([slide.targets.mean(dim=1) for slide in slides])


def make_slide(group, *, n=40, seed=0, noise=0.3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    y = x @ np.array([[1.0, 0], [0, 2], [1, 1]]) + noise * rng.normal(size=(n, 2))
    xy = np.stack(np.divmod(np.arange(n), 8), axis=1) * 10.0
    targets = torch.as_tensor(y, dtype=torch.float32)
    return TrainingSlide(view_of(x, xy, n_around=1), targets, torch.arange(n), group)


SLIDES = [make_slide(f"d{i}", seed=i) for i in range(4)]
FITTING = Fitting(epochs=25, learning_rate=0.05, batch=16, patience=4)


def run(slides=SLIDES, fitting=FITTING, make=Layer, **options):
    return fit_network(make, slides, fitting, label="layer", **options)


def groups(slides):
    return {slide.group for slide in slides}


def test_held_out_groups_are_whole_and_never_all():
    folds = hold_out(SLIDES, FITTING)
    assert len(folds) == 3
    for rest, watched in folds:
        assert len(groups(watched)) == 1
        assert groups(rest) | groups(watched) == groups(SLIDES)
        assert not groups(rest) & groups(watched)
    assert len(set.union(*(groups(watched) for _, watched in folds))) == 3
    again = hold_out(SLIDES, FITTING)
    assert [groups(held) for _, held in again] == [groups(held) for _, held in folds]
    assert len(hold_out(SLIDES, replace(FITTING, folds=2))) == 2
    assert len(hold_out(SLIDES, replace(FITTING, refit=False))) == 1
    assert hold_out(SLIDES, replace(FITTING, patience=None)) == []


@pytest.mark.parametrize("seed", range(4))
def test_small_groups_are_held_out_together(seed):
    """Parts have a fifth of the spots at least, but where that would be everything."""
    uneven = [make_slide("big", n=200), make_slide("small", n=8), make_slide("tiny", n=4)]
    ((rest, watched),) = hold_out(uneven, replace(FITTING, seed=seed))
    assert groups(rest)
    assert groups(watched) == {"small", "tiny"} or "big" in groups(watched)


def test_of_a_single_slide_either_end_is_held_out():
    ((rest,), (strip,)), ((_,), (other,)) = hold_out(SLIDES[:1], FITTING)
    assert sorted([*rest.rows.tolist(), *strip.rows.tolist()]) == list(range(40))
    assert len(strip.rows) == 8
    long = strip.view.places[:, 1]  # 8 spots that way, 5 the other
    assert long[strip.rows].max() <= long[rest.rows].min()
    assert not set(other.rows.tolist()) & set(strip.rows.tolist())
    (((_,), (drawn,)),) = hold_out(SLIDES[:1], replace(FITTING, seed=1, folds=1))
    assert drawn.rows.tolist() == other.rows.tolist()
    assert hold_out([make_slide("d", n=12)], FITTING) == []


def test_a_donor_unlike_all_others_decides_nothing():
    """Its pattern is the opposite: watched alone it stops training at once; the median does not."""
    odd = replace(SLIDES[0], targets=-SLIDES[0].targets)
    slides = [odd, *SLIDES[1:]]
    seed = next(
        seed for seed in range(20)
        if groups(hold_out(slides, replace(FITTING, seed=seed))[0][1]) == {odd.group}
    )  # fmt: skip
    slow = replace(FITTING, seed=seed, learning_rate=0.01)
    alone = run(slides, replace(slow, folds=1))
    found = run(slides, slow)
    assert alone.epochs == 1
    assert found.epochs == sorted(int(curve.argmax()) + 1 for curve in found.held)[1] > 1


def test_a_shifted_donor_does_not_stop_training():
    """The held-out group's level differs: the loss rises from the start, the pattern is learned."""
    slides = [make_slide(f"d{i}", seed=i) for i in range(4)]
    ((rest, watched),) = hold_out(slides, replace(FITTING, folds=1))
    shifted = [replace(slide, targets=slide.targets + 50) for slide in watched]
    found = run([*rest, *shifted], replace(FITTING, folds=1))
    assert found.held[0].max() > 0.9


def test_it_learns_and_stops_on_held_out_groups():
    found = run()
    assert 1 <= found.epochs <= 25
    assert np.median([curve.argmax() + 1 for curve in found.held]) == found.epochs
    assert not found.network.training
    slide = SLIDES[0]
    with torch.inference_mode():
        error = (found.network.predict(slide.view) - slide.targets).square().mean()
    assert error < 0.4 * slide.targets.var()


def test_without_refit_the_best_weights_are_kept():
    kept = run(fitting=replace(FITTING, refit=False))
    assert kept.epochs == run(fitting=replace(FITTING, folds=1)).epochs
    (curve,), (held,) = kept.held, hold_out(SLIDES, FITTING)[0][1]
    with torch.inference_mode():
        assert kept.network.validation_score(held) == pytest.approx(curve.max(), rel=1e-6)


def test_a_mean_of_weights_by_hand():
    """From the first weights on, over the weights after each step."""
    seen = []

    class Watched(Layer):
        def loss(self, slide, rows, generator):
            seen.append(self.layer[1].weight.detach().numpy().astype(float))
            return super().loss(slide, rows, generator)

    plain = replace(FITTING, epochs=3, patience=None)
    last = run(fitting=plain, make=Watched).network.layer[1].weight.detach().numpy()
    mean = seen[0]
    for weight in [*seen[1:], last]:
        mean = 0.8 * mean + 0.2 * weight
    found = run(fitting=replace(plain, ema_decay=0.8)).network.layer[1].weight.detach().numpy()
    assert len(seen) == 3 * 4 * 2
    np.testing.assert_allclose(found, mean, rtol=1e-5)
    nothing = run(fitting=replace(plain, ema_decay=0.0)).network.layer[1].weight.detach().numpy()
    np.testing.assert_array_equal(nothing, last)


def test_the_mean_of_weights_is_what_is_watched():
    kept = run(fitting=replace(FITTING, refit=False, ema_decay=0.9))
    (curve,), (held,) = kept.held, hold_out(SLIDES, FITTING)[0][1]
    with torch.inference_mode():
        assert kept.network.validation_score(held) == pytest.approx(curve.max(), rel=1e-6)
    weights = run(fitting=replace(FITTING, refit=False)).held[0]
    n = min(len(curve), len(weights))
    assert not np.allclose(curve[:n], weights[:n])


def test_the_seed_decides():
    few = replace(FITTING, epochs=3)
    first, again = run(fitting=few), run(fitting=few)
    other = run(fitting=replace(few, seed=1))
    weight = [found.network.layer[1].weight for found in (first, again, other)]
    assert torch.equal(weight[0], weight[1])
    assert not torch.equal(weight[0], weight[2])


@cache
def uninterrupted(kind, ema_decay):
    return run(make=kind, fitting=replace(FITTING, ema_decay=ema_decay))


@pytest.mark.parametrize("kind", [Layer, Remembering])
@pytest.mark.parametrize("part", ["fold0", "fold1", "all"])
@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_an_interrupted_training_ends_as_an_uninterrupted_one(
    tmp_path, part, kind, ema_decay, monkeypatch
):
    """Stopped in a fold, and in the training on everything."""
    monkeypatch.setattr("spatialrag.prediction.backbones.fitting._PAUSE", 0.0)
    fitting = replace(FITTING, ema_decay=ema_decay)
    whole = uninterrupted(kind, ema_decay)
    steps = [6 * len(curve) for curve in whole.held]  # two batches of each of three slides
    stop_at = {"fold0": 0, "fold1": steps[0], "all": sum(steps)}[part] + 15
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
        fit_network(Interrupted, SLIDES, fitting, label="x", checkpoint=path, key="k")
    assert {p.name for p in tmp_path.iterdir()} >= {f"run.pt.{part}"}
    with pytest.raises(InputError, match="checkpoint of another training"):
        run(make=kind, fitting=fitting, checkpoint=path, key="other")
    resumed = run(make=kind, fitting=fitting, checkpoint=path, key="k")
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
    with pytest.raises(InputError, match="folds must be at least 1"):
        Fitting(folds=0)
    for decay in (1.0, -0.1):
        with pytest.raises(InputError, match=r"ema_decay must be in \[0, 1\)"):
            Fitting(ema_decay=decay)
    with pytest.raises(InputError, match="learning_rate must be positive"):
        Fitting(learning_rate=0.0)
