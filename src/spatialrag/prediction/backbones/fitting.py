"""How backbones are trained: batches within slides, stopping on held-out donors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch

from spatialrag.errors import InputError
from spatialrag.prediction.backbones.network import SpotNetwork, TrainingSlide
from spatialrag.training.checkpoint import Checkpoint
from spatialrag.training.hold_out import SHARE, held_out_parts
from spatialrag.training.run import Run, is_stalled
from spatialrag.training.weight_mean import WeightMean

_FEWEST = 8  # spots: r of fewer decides nothing
_PAUSE = 60.0  # seconds between checkpoints: writing them must not rule a short epoch


@dataclass(frozen=True)
class Fitting:
    """How a backbone is trained.

    Parameters
    ----------
    epochs
        At most.
    learning_rate, weight_decay
        Learning rate and weight decay of AdamW.
    batch
        Spots per step, of one slide; None takes a slide at a time.
    patience
        Epochs without a better mean r of genes on held-out donors before training stops: on slides,
        where there are fewer than three donors, and on an outer fifth of the spots of a single
        slide. None trains all epochs on everything. The test slide is never among them.
    folds
        Trainings with other donors held out, at most; the median of their best epochs counts. A
        single held-out slide may be unlike all others.
    refit
        Train again on everything, for that number of epochs; else keep the best weights of a single
        fold.
    clip
        Largest norm of the gradient; none when absent.
    ema_decay
        Share d, in [0, 1), of a running mean of the weights: after each step it becomes d times
        itself plus 1 - d times the weights, starting at the first weights, and it predicts in their
        place, on held-out donors and in the end. None predicts with the weights themselves.
    seed, device
        Seed and device of the training.

    Examples
    --------
    >>> Fitting(epochs=5, seed=1).epochs
    5
    """

    epochs: int = 100
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    batch: int | None = 64
    patience: int | None = 10
    folds: int = 3
    refit: bool = True
    clip: float | None = 1.0
    ema_decay: float | None = None
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        counts = {"epochs": self.epochs, "batch": self.batch, "patience": self.patience}
        counts["folds"] = self.folds
        for name, value in counts.items():
            if value is not None and value < 1:
                raise InputError(f"{name} must be at least 1", got=str(value))
        if not self.learning_rate > 0:
            raise InputError("learning_rate must be positive", got=str(self.learning_rate))
        if self.ema_decay is not None and not 0 <= self.ema_decay < 1:
            raise InputError("ema_decay must be in [0, 1)", got=str(self.ema_decay))


@dataclass(frozen=True, eq=False)
class Trained:
    """The outcome.

    Parameters
    ----------
    network
        In evaluation mode.
    epochs
        Trained for the weights it has.
    held
        Scores of each fold, the mean r on what was held out after each epoch.
    """

    network: SpotNetwork
    epochs: int
    held: list[np.ndarray]


def fit_network(
    make: Callable[[], SpotNetwork],
    slides: Sequence[TrainingSlide],
    fitting: Fitting,
    *,
    label: str,
    checkpoint: str | Path | None = None,
    key: str = "",
) -> Trained:
    """Train a network.

    Parameters
    ----------
    make
        Returns a new network; called after seeding.
    slides
        To train on.
    fitting
        See `Fitting`.
    label
        Label of the progress bar.
    checkpoint, key
        A file to resume from and to write to every minute, removed at the end; one of another key
        is refused.

    Raises
    ------
    InputError
        The loss is no longer finite, or the checkpoint is of another training.
    """
    folds = hold_out(slides, fitting)
    parts = [f"fold{i}" for i in range(len(folds))]
    files = {part: _file(checkpoint, part, key) for part in ["all", *parts]}
    curves = []
    for i, (part, (rest, watched)) in enumerate(zip(parts, folds, strict=True)):
        told = f"{label}, fold {i + 1} of {len(folds)}" if len(folds) > 1 else label
        network, scores = _train(make, rest, watched, fitting, told, files[part])
        curves.append(scores)
    best = [int(np.argmax(scores)) + 1 for scores in curves]
    epochs = round(float(np.median(best))) if best else fitting.epochs
    if fitting.refit or not folds:
        everything = replace(fitting, epochs=epochs)
        network, _ = _train(make, list(slides), [], everything, label, files["all"])
    for file in files.values():
        if file is not None:
            file.remove()
    return Trained(network.eval(), epochs, curves)


def hold_out(
    slides: Sequence[TrainingSlide], fitting: Fitting
) -> list[tuple[list[TrainingSlide], list[TrainingSlide]]]:
    """Return, for each fold, slides to train on, and those that decide when to stop.

    The latter are about a fifth of the spots: whole groups, drawn by seed; of a single group, an
    outer strip of each slide, so that few of its spots lie beside spots that are trained on.
    """
    if fitting.patience is None:
        return []
    n_folds = fitting.folds if fitting.refit else 1
    if len({slide.group for slide in slides}) < 2:
        ends = [(fitting.seed + i) % 2 for i in range(min(n_folds, 2))]
        folds = [_strips(slides, end) for end in ends]
        return folds if all(len(s.rows) >= _FEWEST for _, held in folds for s in held) else []
    spots = {slide.group: 0 for slide in slides}
    for slide in slides:
        spots[slide.group] += len(slide.rows)
    return [
        (
            [slide for slide in slides if slide.group not in held],
            [slide for slide in slides if slide.group in held],
        )
        for held in held_out_parts(spots, fitting.seed)[:n_folds]
    ]


def _strips(
    slides: Sequence[TrainingSlide], end: int
) -> tuple[list[TrainingSlide], list[TrainingSlide]]:
    pairs = [_strip(slide, end) for slide in slides]
    return [rest for rest, _ in pairs], [strip for _, strip in pairs]


def _strip(slide: TrainingSlide, end: int) -> tuple[TrainingSlide, TrainingSlide]:
    """Return a slide without a fifth of its spots at an end of its longer side, and that fifth."""
    places = slide.view.places[slide.rows].cpu()
    axis = int((places.amax(dim=0) - places.amin(dim=0)).argmax())
    order = places[:, axis].argsort(stable=True, descending=bool(end))
    n = round(SHARE * len(order))
    return (
        replace(slide, rows=slide.rows[order[n:].sort().values]),
        replace(slide, rows=slide.rows[order[:n].sort().values]),
    )


def _file(checkpoint: str | Path | None, part: str, key: str) -> Checkpoint | None:
    if checkpoint is None:
        return None
    path = Path(checkpoint)
    same = "bank, genes and settings"
    return Checkpoint(path.with_name(f"{path.name}.{part}"), key, same, pause=_PAUSE)


def _train(
    make: Callable[[], SpotNetwork],
    slides: list[TrainingSlide],
    watched: list[TrainingSlide],
    fitting: Fitting,
    label: str,
    checkpoint: Checkpoint | None,
) -> tuple[SpotNetwork, np.ndarray]:
    """Return the network with its best weights (the last ones where nothing is watched)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(fitting.seed)
        network = make().to(fitting.device)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=fitting.learning_rate, weight_decay=fitting.weight_decay
    )
    generator = torch.Generator().manual_seed(fitting.seed)
    mean = None if fitting.ema_decay is None else WeightMean(network, fitting.ema_decay)
    run = Run(network, optimizer, generator, label, checkpoint, mean)

    @torch.no_grad()
    def score() -> float:
        network.eval().store_references(slides)
        return float(np.mean([network.validation_score(slide) for slide in watched]))

    if watched:
        with torch.no_grad():  # a checkpoint holds what is remembered: the buffers need its shape
            network.eval().store_references(slides)
    scores = run.train(
        lambda epoch: _epoch(run, slides, fitting, epoch),
        fitting.epochs,
        score=score if watched else None,
        stops=lambda curve: bool(watched) and is_stalled(curve, fitting.patience),
    )
    return network, scores


def _epoch(run: Run, slides: list[TrainingSlide], fitting: Fitting, epoch: int) -> float:
    """Train on every batch of every slide, in drawn order, and return the mean loss."""
    network = cast(SpotNetwork, run.network.train())
    batches = [
        (slide, rows) for slide in slides for rows in _split(slide.rows, fitting, run.generator)
    ]
    order = torch.randperm(len(batches), generator=run.generator).tolist()
    losses = []
    with torch.random.fork_rng(devices=[]):
        # Dropout is drawn from the epoch: a resumed training ends as an uninterrupted one.
        torch.manual_seed(fitting.seed * 1_000_003 + epoch)
        for i in order:
            slide, rows = batches[i]

            def backward(slide: TrainingSlide = slide, rows: torch.Tensor = rows) -> float:
                loss = network.loss(slide, rows, run.generator)
                loss.backward()
                return float(loss.detach())

            losses.append(run.step(backward, clip=fitting.clip))
    return float(np.mean(losses))


def _split(
    rows: torch.Tensor, fitting: Fitting, generator: torch.Generator
) -> Sequence[torch.Tensor]:
    if fitting.batch is None:
        return [rows]
    shuffled = rows[torch.randperm(len(rows), generator=generator)]
    return torch.tensor_split(shuffled, max(1, round(len(rows) / fitting.batch)))
