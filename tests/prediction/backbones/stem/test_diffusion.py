import numpy as np
import pytest

torch = pytest.importorskip("torch")
from spatialrag.prediction.backbones.stem.diffusion import Diffusion  # noqa: E402

MEAN, SPREAD = 1.5, 0.7


def exact(diffusion):
    """The best denoiser of values from N(MEAN, SPREAD^2), known in closed form."""

    def denoise(noisy, step):
        kept = torch.as_tensor(diffusion.kept, dtype=torch.float32)[step][:, None]
        variance = kept * SPREAD**2 + 1 - kept
        first = (1 - kept).sqrt() * (noisy - kept.sqrt() * MEAN) / variance
        if diffusion.predicts == "velocity":
            clean = MEAN + kept.sqrt() * SPREAD**2 * (noisy - kept.sqrt() * MEAN) / variance
            first = kept.sqrt() * first - (1 - kept).sqrt() * clean
        return torch.stack([first, torch.ones_like(first)], dim=-1)

    return denoise


def test_the_published_schedule():
    diffusion = Diffusion.linear()
    assert (diffusion.beta[0], diffusion.beta[-1]) == (1e-4, 0.02)
    assert len(diffusion.beta) == 1000
    assert diffusion.kept[-1] == pytest.approx(np.prod(1 - np.linspace(1e-4, 0.02, 1000)))
    assert diffusion.kept[-1] < 1e-4


def test_noise_has_the_stated_variance():
    diffusion = Diffusion.linear()
    x = torch.full((20_000, 1), 2.0)
    step = torch.full((20_000,), 300)
    noisy = diffusion.noised(x, step, torch.randn(x.shape, generator=torch.Generator()))
    kept = diffusion.kept[300]
    assert float(noisy.mean()) == pytest.approx(2 * np.sqrt(kept), abs=0.03)
    assert float(noisy.var()) == pytest.approx(1 - kept, rel=0.03)


@pytest.mark.parametrize("predicts", ["noise", "velocity"])
@pytest.mark.parametrize(("steps", "ancestral"), [(1000, True), (100, False), (10, False)])
def test_samplers_find_the_distribution(steps, ancestral, predicts):
    """With the exact denoiser; ten steps without noise keep the mean, and most of the spread."""
    diffusion = Diffusion.linear(predicts=predicts)
    x = diffusion.sample(
        exact(diffusion),
        (4000, 1),
        steps=steps,
        generator=torch.Generator().manual_seed(0),
        ancestral=ancestral,
    )
    assert float(x.mean()) == pytest.approx(MEAN, abs=0.05)
    assert float(x.std()) == pytest.approx(SPREAD, rel=0.25 if steps == 10 else 0.06)


def test_one_step_with_the_velocity_is_the_mean():
    """From pure noise at the end of the schedule, where next to nothing is left of x."""
    diffusion = Diffusion.linear(predicts="velocity")
    generator = torch.Generator().manual_seed(0)
    x = diffusion.sample(exact(diffusion), (100, 1), steps=1, generator=generator)
    np.testing.assert_allclose(x.numpy(), MEAN, atol=0.02)


@pytest.mark.parametrize("predicts", ["noise", "velocity"])
def test_loss_by_hand(predicts):
    """A denoiser that says there is no noise, plus the bound of the variance."""
    diffusion = Diffusion.linear(50, predicts=predicts)
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    step = np.array([0, 1, 7, 20, 33, 49])

    def denoise(noisy, step):
        """No noise: x is then what is seen, divided by sqrt(kept), and so is minus velocity."""
        output = torch.zeros(*noisy.shape, 2)
        if predicts == "velocity":
            kept = torch.as_tensor(diffusion.kept, dtype=torch.float32)[step][:, None]
            output[..., 0] = -(1 - kept).sqrt() / kept.sqrt() * noisy
        return output

    found = diffusion.loss(
        denoise,
        torch.tensor(x, dtype=torch.float32),
        torch.tensor(step),
        torch.tensor(noise, dtype=torch.float32),
    )
    beta, kept = diffusion.beta[step][:, None], diffusion.kept[step][:, None]
    before = np.append(1, diffusion.kept)[step][:, None]
    noisy = np.sqrt(kept) * x + np.sqrt(1 - kept) * noise
    posterior = diffusion.beta * (1 - np.append(1, diffusion.kept[:-1])) / (1 - diffusion.kept)
    posterior[0] = posterior[1]
    low, high = np.log(posterior[step])[:, None], np.log(beta)
    middle = (low + high) / 2
    a, b = np.sqrt(before) * beta / (1 - kept), np.sqrt(1 - beta) * (1 - before) / (1 - kept)
    gap = a * (x - noisy / np.sqrt(kept))
    bound = 0.5 * (middle - low + np.exp(low - middle) + gap**2 * np.exp(-middle) - 1)
    error = np.square(noise)
    if predicts == "velocity":  # the error of the noise, divided by the share of the signal
        error = error / kept
    expected = error.mean() + bound.mean() / np.log(2) * 50 / 1000
    assert (b >= 0).all()
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_the_bound_teaches_the_variance_alone():
    diffusion = Diffusion.linear(50)
    mean = torch.zeros(4, 2, requires_grad=True)
    share = torch.zeros(4, 2, requires_grad=True)
    x = torch.randn(4, 2)
    step = torch.tensor([3, 9, 20, 40])
    output = torch.stack([mean.detach(), share], dim=-1)
    diffusion.variational(output, x, x, step).sum().backward()
    assert share.grad.abs().min() > 0
    assert mean.grad is None
