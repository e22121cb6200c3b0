"""Stem (Zhu et al. 2025): expression drawn from a diffusion model under the patch embedding."""

from dataclasses import dataclass, field, replace
from functools import partial

import torch

from spatialrag.errors import InputError, check_choice
from spatialrag.prediction.backbones.fitting import Fitting
from spatialrag.prediction.backbones.network import SpotNetwork, TrainingSlide, mean_r
from spatialrag.prediction.backbones.stem.diffusion import TARGETS, Diffusion
from spatialrag.prediction.backbones.stem.network import GeneDenoiser
from spatialrag.prediction.backbones.trained import train_on_bank
from spatialrag.prediction.backbones.views import View

_BATCH = 256


class ConditionalDiffusion(SpotNetwork):
    """The denoiser, its schedule and its sampler."""

    def __init__(self, n_inputs: int, n_genes: int, settings: "Stem") -> None:
        super().__init__()
        self.denoiser = GeneDenoiser(
            n_inputs, n_genes, width=settings.width, depth=settings.depth, heads=settings.heads
        )
        self.settings = settings
        self.diffusion = Diffusion.linear(settings.noise_steps, predicts=settings.predicts)

    def loss(
        self, slide: TrainingSlide, rows: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """Return the loss of denoising at a step drawn for each spot."""
        x, vectors = slide.targets[rows], slide.view.vectors[rows]
        step = torch.randint(len(self.diffusion.beta), (len(rows),), generator=generator)
        noise = torch.randn(x.shape, generator=generator).to(x.device)
        step = step.to(x.device)
        return self.diffusion.loss(
            lambda noisy, step: self.denoiser(noisy, step, vectors), x, step, noise
        )

    def forward(self, view: View, rows: torch.Tensor) -> torch.Tensor:
        """Return the mean of samples (len(rows), n_genes); the same seed, the same samples."""
        return self._draw(view, rows, self.settings)

    def validation_score(self, slide: TrainingSlide) -> float:
        """Return the score of a held-out slide with one step and two samples, after each epoch."""
        quick = replace(self.settings, steps=1, samples=2, ancestral=False)
        drawn = self._draw(slide.view, slide.rows, quick)
        return mean_r(drawn, slide.targets[slide.rows])

    def _draw(self, view: View, rows: torch.Tensor, settings: "Stem") -> torch.Tensor:
        generator = torch.Generator().manual_seed(settings.fitting.seed)
        repeated = view.vectors[rows].repeat_interleave(settings.samples, dim=0)
        drawn = [
            self.diffusion.sample(
                partial(self._velocity, vectors),
                (len(vectors), len(self.denoiser.gene)),
                steps=settings.steps,
                generator=generator,
                start=settings.start,
                ancestral=settings.ancestral,
                device=view.vectors.device,
            )
            for vectors in repeated.split(_BATCH)
        ]
        return torch.cat(drawn).unflatten(0, (len(rows), settings.samples)).mean(dim=1)

    def _velocity(
        self, vectors: torch.Tensor, noisy: torch.Tensor, step: torch.Tensor
    ) -> torch.Tensor:
        return self.denoiser(noisy, step, vectors)


@dataclass(frozen=True)
class Stem:
    """Settings of Stem.

    Parameters
    ----------
    width, depth, heads
        Width, depth and heads of the denoiser.
    noise_steps
        Noise steps of the schedule.
    predicts
        ``noise``, as published, or ``velocity``, see `Diffusion`.
    steps
        Taken when sampling.
    start
        Share of the schedule at which sampling starts from pure noise.
    samples
        Averaged per spot.
    ancestral
        Sample as published, with noise in each step; ``steps`` is then ``noise_steps``.
    components, standardize, fitting
        As in `NetworkSettings`.

    Examples
    --------
    >>> Stem(samples=2).samples
    2
    """

    width: int = 32
    depth: int = 2
    heads: int = 2
    noise_steps: int = 1000
    predicts: str = "velocity"
    steps: int = 2
    start: float = 0.7
    samples: int = 10
    ancestral: bool = False
    components: int | None = 64
    standardize: bool = True
    fitting: Fitting = field(
        default_factory=lambda: Fitting(
            epochs=60, learning_rate=2e-3, batch=64, patience=25, refit=False
        )
    )
    n_around: int = field(default=1, init=False)
    tiles: None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= self.noise_steps or self.samples < 1:
            raise InputError(
                "steps lie between 1 and noise_steps, samples are at least 1",
                got=f"steps {self.steps}, noise_steps {self.noise_steps}, samples {self.samples}",
            )
        check_choice(self.predicts, TARGETS, name="target of the denoiser")
        if not 0 < self.start <= 1:
            raise InputError("start is a share of the schedule, above 0", got=str(self.start))
        if self.ancestral and (self.steps, self.start) != (self.noise_steps, 1.0):
            raise InputError(
                "the published sampler takes every step",
                expected=f"steps of {self.noise_steps} and start of 1",
                got=f"{self.steps} and {self.start}",
            )

    @classmethod
    def published(cls) -> "Stem":
        """Return the published sizes, training and sampler."""
        return cls(
            width=384,
            depth=12,
            heads=6,
            predicts="noise",
            steps=1000,
            start=1.0,
            samples=20,
            ancestral=True,
            components=None,
            standardize=False,
            fitting=Fitting(
                epochs=4000,
                learning_rate=1e-4,
                weight_decay=0.0,
                batch=256,
                patience=None,
                clip=None,
                ema_decay=0.9999,
            ),
        )

    def network(self, n_inputs: int, n_genes: int) -> SpotNetwork:
        """Return the network with random weights."""
        return ConditionalDiffusion(n_inputs, n_genes, self)

    fit = train_on_bank
