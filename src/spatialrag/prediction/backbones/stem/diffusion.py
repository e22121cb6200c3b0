"""Gaussian diffusion with learned variances (Ho et al. 2020; Nichol & Dhariwal 2021)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch

Denoiser = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""From noisy values (n, g) and steps (n,) to (n, g, 2): noise or velocity, and where the variance
lies."""

Target = Literal["noise", "velocity"]
TARGETS = get_args(Target)


@dataclass(frozen=True, eq=False)
class Diffusion:
    """A schedule of noise and what follows from it.

    Parameters
    ----------
    beta : (steps,)
        Variance added in each step.
    predicts
        What a denoiser's first output is: ``noise`` e (as published), or ``velocity``
        sqrt(a) e - sqrt(1 - a) x of x_t = sqrt(a) x + sqrt(1 - a) e (Salimans & Ho 2022).
    """

    beta: np.ndarray
    predicts: str = "noise"

    @classmethod
    def linear(cls, steps: int = 1000, *, predicts: str = "noise") -> "Diffusion":
        """Return the linear schedule from 1e-4 to 0.02 of 1,000 steps, stretched to others."""
        factor = 1000 / steps
        return cls(np.linspace(factor * 1e-4, min(factor * 0.02, 0.999), steps), predicts)

    @property
    def kept(self) -> np.ndarray:
        """Return the share of the signal's variance after each step, (steps,)."""
        return np.cumprod(1 - self.beta)

    @property
    def before(self) -> np.ndarray:
        """Return `kept` one step earlier, (steps,); 1 at the first."""
        return np.append(1.0, self.kept[:-1])

    def noised(self, x: torch.Tensor, step: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Return x (n, g) after so many steps (n,)."""
        kept = _of(self.kept, step)
        return kept.sqrt() * x + (1 - kept).sqrt() * noise

    def loss(
        self, denoise: Denoiser, x: torch.Tensor, step: torch.Tensor, noise: torch.Tensor
    ) -> torch.Tensor:
        """Return the mean squared error of the target plus the variational term of the variance.

        The variational term trains the variance alone: its mean is detached, and it is weighted by
        steps / 1,000 as in the published loss.
        """
        noisy = self.noised(x, step, noise)
        predicted, variance = denoise(noisy, step).unbind(dim=-1)
        frozen = torch.stack([predicted.detach(), variance], dim=-1)
        bound = self.variational(frozen, x, noisy, step) * len(self.beta) / 1000
        target = noise
        if self.predicts == "velocity":
            kept = _of(self.kept, step)
            target = kept.sqrt() * noise - (1 - kept).sqrt() * x
        return (predicted - target).square().mean() + bound.mean()

    def noise_of(
        self, predicted: torch.Tensor, noisy: torch.Tensor, step: torch.Tensor
    ) -> torch.Tensor:
        """Return the noise (n, g) that a denoiser's first output says is in noisy values."""
        if self.predicts == "noise":
            return predicted
        kept = _of(self.kept, step)
        return kept.sqrt() * predicted + (1 - kept).sqrt() * noisy

    def variational(
        self, output: torch.Tensor, x: torch.Tensor, noisy: torch.Tensor, step: torch.Tensor
    ) -> torch.Tensor:
        """Return the Kullback-Leibler divergence of each step back, in bits, (n, g).

        Of the first step, the divergence stands in for the likelihood of the value.
        """
        predicted, variance = output.unbind(dim=-1)
        kept, before, beta = (_of(each, step) for each in (self.kept, self.before, self.beta))
        true_mean = (before.sqrt() * beta * x + (1 - beta).sqrt() * (1 - before) * noisy) / (
            1 - kept
        )
        noise = self.noise_of(predicted, noisy, step)
        clean = (noisy - (1 - kept).sqrt() * noise) / kept.sqrt()
        mean = (before.sqrt() * beta * clean + (1 - beta).sqrt() * (1 - before) * noisy) / (
            1 - kept
        )
        low = self.log_posterior(step)
        log_variance = self.log_variance(variance, step)
        divergence = 0.5 * (
            log_variance
            - low
            + (low - log_variance).exp()
            + (true_mean - mean).square() * (-log_variance).exp()
            - 1
        )
        return divergence / np.log(2)

    def log_posterior(self, step: torch.Tensor) -> torch.Tensor:
        """Return the log variance of a step back when x is known, (n, 1)."""
        posterior = self.beta * (1 - self.before) / (1 - self.kept)
        # The first is 0: as published, the second stands in for it.
        posterior[0] = posterior[min(1, len(posterior) - 1)]
        return _of(posterior, step).log()

    def log_variance(self, share: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        """Return the learned log variance: between posterior (-1) and beta (1)."""
        share = (share + 1) / 2
        return share * _of(self.beta, step).log() + (1 - share) * self.log_posterior(step)

    def sample(
        self,
        denoise: Denoiser,
        shape: tuple[int, int],
        *,
        steps: int,
        generator: torch.Generator,
        start: float = 1.0,
        ancestral: bool = False,
        device: str | torch.device = "cpu",
    ) -> torch.Tensor:
        """Return samples (n, g).

        Parameters
        ----------
        denoise
            The network under its condition.
        shape
            Shape of the samples.
        steps
            Steps of the schedule that are taken, evenly from ``start`` to the first; all of them
            for the published sampler.
        generator
            Draws the noise.
        start
            Share of the schedule at which pure noise is taken to lie. At its end next to nothing
            is left of x, and what a denoiser says of x there is its own error, magnified.
        ancestral
            Draw a step back with the learned variance (needs all steps); else without noise
            (DDIM, Song et al. 2021), which keeps its accuracy in far fewer steps.
        device
            Device of the tensors.
        """
        x = torch.randn(shape, generator=generator).to(device)
        last = round(start * (len(self.beta) - 1))
        times = np.unique(np.linspace(last, 0, steps).round().astype(int))[::-1]
        for i, time in enumerate(times):
            step = torch.full((shape[0],), int(time), device=device)
            output = denoise(x, step)
            if ancestral:
                x = self._step_back(output, x, step, generator)
                continue
            noise = self.noise_of(output[..., 0], x, step)
            clean = (x - np.sqrt(1 - self.kept[time]) * noise) / np.sqrt(self.kept[time])
            kept = self.kept[times[i + 1]] if i + 1 < len(times) else 1.0
            x = np.sqrt(kept) * clean + np.sqrt(1 - kept) * noise
        return x

    def _step_back(
        self,
        output: torch.Tensor,
        x: torch.Tensor,
        step: torch.Tensor,
        generator: torch.Generator,
    ) -> torch.Tensor:
        predicted, share = output.unbind(dim=-1)
        kept, beta = _of(self.kept, step), _of(self.beta, step)
        drawn = self.noise_of(predicted, x, step)
        mean = (x - beta / (1 - kept).sqrt() * drawn) / (1 - beta).sqrt()
        if int(step[0]) == 0:
            return mean
        noise = torch.randn(x.shape, generator=generator).to(x.device)
        return mean + (0.5 * self.log_variance(share, step)).exp() * noise


def _of(values: np.ndarray, step: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(values, dtype=torch.float32, device=step.device)[step][:, None]
