"""The training loop of backbones: batches within slides, stopping on held-out donors."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from spatialrag.checkpoint import read_checkpoint, write_checkpoint
from spatialrag.errors import InputError
from spatialrag.prediction.backbones.network import Slide, SpotNetwork
from spatialrag.progress import track

_HELD = 0.2
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
        Of AdamW.
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
    seed, device
        Of the training.
    """

    epochs: int = 100
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    batch: int | None = 64
    patience: int | None = 10
    folds: int = 3
    refit: bool = True
    clip: float | None = 1.0
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
        Of each fold, the mean r on what was held out after each epoch.
    """

    network: SpotNetwork
    epochs: int
    held: list[np.ndarray]


def fit_network(
    make: Callable[[], SpotNetwork],
    slides: Sequence[Slide],
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
        Of the progress bar.
    checkpoint, key
        A file to resume from and to write to every minute, removed at the end; one of another key
        is refused.

    Raises
    ------
    InputError
        The loss is no longer finite, or the checkpoint is of another training.
    """
    folds = hold_out(slides, fitting)
    curves = []
    for i, (rest, watched) in enumerate(folds):
        told = f"{label}, fold {i + 1} of {len(folds)}" if len(folds) > 1 else label
        run = _Run(make, fitting, told, key)
        network, scores = run.train(rest, watched, fitting.epochs, _file(checkpoint, f"fold{i}"))
        curves.append(scores)
    best = [int(np.argmax(scores)) + 1 for scores in curves]
    epochs = round(float(np.median(best))) if best else fitting.epochs
    if fitting.refit or not folds:
        run = _Run(make, fitting, label, key)
        network, _ = run.train(list(slides), [], epochs, _file(checkpoint, "all"))
    for part in ["all", *(f"fold{i}" for i in range(len(folds)))]:
        if checkpoint is not None:
            _file(checkpoint, part).unlink(missing_ok=True)
    return Trained(network.eval(), epochs, curves)


def hold_out(slides: Sequence[Slide], fitting: Fitting) -> list[tuple[list[Slide], list[Slide]]]:
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
    return [
        (
            [slide for slide in slides if slide.group not in held],
            [slide for slide in slides if slide.group in held],
        )
        for held in _parts(slides, fitting.seed)[:n_folds]
    ]


def _parts(slides: Sequence[Slide], seed: int) -> list[list[str]]:
    """Return groups in parts of at least a fifth of the spots each, none with all groups."""
    names = sorted({slide.group for slide in slides})
    spots = {name: sum(len(s.rows) for s in slides if s.group == name) for name in names}
    drawn = [str(name) for name in np.random.default_rng(seed).permutation(names)]
    parts, part = [], []
    for name in drawn:
        part.append(name)
        if sum(spots[each] for each in part) >= _HELD * sum(spots.values()):
            parts.append(part)
            part = []
    return [part for part in parts if len(part) < len(names)] or [drawn[:-1]]


def _strips(slides: Sequence[Slide], end: int) -> tuple[list[Slide], list[Slide]]:
    pairs = [_strip(slide, end) for slide in slides]
    return [rest for rest, _ in pairs], [strip for _, strip in pairs]


def _strip(slide: Slide, end: int) -> tuple[Slide, Slide]:
    """Return a slide without a fifth of its spots at an end of its longer side, and that fifth."""
    places = slide.view.places[slide.rows].cpu()
    axis = int((places.amax(dim=0) - places.amin(dim=0)).argmax())
    order = places[:, axis].argsort(stable=True, descending=bool(end))
    n = round(_HELD * len(order))
    return (
        replace(slide, rows=slide.rows[order[n:].sort().values]),
        replace(slide, rows=slide.rows[order[:n].sort().values]),
    )


def _file(checkpoint: str | Path | None, part: str) -> Path | None:
    if checkpoint is None:
        return None
    path = Path(checkpoint)
    return path.with_name(f"{path.name}.{part}")


class _Run:
    """One training: a network, its optimizer, and the scores so far."""

    def __init__(
        self, make: Callable[[], SpotNetwork], fitting: Fitting, label: str, key: str
    ) -> None:
        self.fitting, self.label, self.key = fitting, label, key
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(fitting.seed)
            self.network = make().to(fitting.device)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=fitting.learning_rate, weight_decay=fitting.weight_decay
        )
        self.generator = torch.Generator().manual_seed(fitting.seed)
        self.scores: list[float] = []
        self.best: dict[str, torch.Tensor] = {}
        self.saved = time.monotonic()

    def train(
        self, slides: list[Slide], watched: list[Slide], epochs: int, path: Path | None
    ) -> tuple[SpotNetwork, np.ndarray]:
        """Return the network with its best weights (the last ones where nothing is watched)."""
        if watched:
            self._remember(slides)
        start = self._resume(path)
        remaining = range(start, epochs)
        for epoch in track(remaining, label=self.label, total=len(remaining)):
            if self._stops():
                break
            self._epoch(slides, epoch)
            if watched:
                self._remember(slides)
                self.scores.append(self._watch(watched))
                if self.scores[-1] == max(self.scores):
                    state = self.network.state_dict()
                    self.best = {name: tensor.clone() for name, tensor in state.items()}
            self._save(path, epoch + 1)
        if self.best:
            self.network.load_state_dict(self.best)
        return self.network, np.array(self.scores)

    def _stops(self) -> bool:
        if not self.scores or self.fitting.patience is None:
            return False
        return len(self.scores) - 1 - int(np.argmax(self.scores)) >= self.fitting.patience

    def _epoch(self, slides: list[Slide], epoch: int) -> None:
        self.network.train()
        batches = [(slide, rows) for slide in slides for rows in self._split(slide.rows)]
        order = torch.randperm(len(batches), generator=self.generator).tolist()
        with torch.random.fork_rng(devices=[]):
            # Dropout is drawn from the epoch: a resumed training ends as an uninterrupted one.
            torch.manual_seed(self.fitting.seed * 1_000_003 + epoch)
            for i in order:
                slide, rows = batches[i]
                self.optimizer.zero_grad(set_to_none=True)
                loss = self.network.loss(slide, rows, self.generator)
                if not torch.isfinite(loss):
                    raise InputError(
                        f"the loss of {self.label} is no longer finite in epoch {epoch + 1}",
                        got=str(loss.item()),
                        fix="lower the learning rate, and look for outliers in the expression",
                    )
                loss.backward()
                if self.fitting.clip is not None:
                    nn.utils.clip_grad_norm_(self.network.parameters(), self.fitting.clip)
                self.optimizer.step()

    def _split(self, rows: torch.Tensor) -> Sequence[torch.Tensor]:
        if self.fitting.batch is None:
            return [rows]
        shuffled = rows[torch.randperm(len(rows), generator=self.generator)]
        return torch.tensor_split(shuffled, max(1, round(len(rows) / self.fitting.batch)))

    @torch.no_grad()
    def _remember(self, slides: list[Slide]) -> None:
        self.network.eval().remember(slides)

    @torch.no_grad()
    def _watch(self, slides: list[Slide]) -> float:
        """Return the mean over held-out slides."""
        self.network.eval()
        return float(np.mean([self.network.watch(slide) for slide in slides]))

    def _save(self, path: Path | None, epochs: int) -> None:
        if path is None or time.monotonic() - self.saved < _PAUSE:
            return
        state = {
            "epochs": epochs,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "scores": self.scores,
            "best": self.best,
        }
        write_checkpoint(path, self.key, state)
        self.saved = time.monotonic()

    def _resume(self, path: Path | None) -> int:
        state = read_checkpoint(path, self.key, same="bank, genes and settings")
        if state is None:
            return 0
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.scores, self.best = list(state["scores"]), state["best"]
        return int(state["epochs"])
