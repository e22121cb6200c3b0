"""Stage 1 end to end: an image network fine-tuned on compositions, then an encoder like any other.

AdamW on KL(pi || softmax(head(network(patch)))). Some training donors are held out (slides where
there are few); training stops when they no longer improve, and the best weights on them are kept.
The test slide is never among them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import softmax

from spatialrag.errors import InputError, MissingDependencyError
from spatialrag.prediction.ragst.composition import best_temperature, cross_entropy
from spatialrag.provenance import fingerprint, plain
from spatialrag.training.hold_out import held_out_parts

try:
    import torch
    from torch import nn
    from torch.nn import functional

    from spatialrag.training.checkpoint import Checkpoint
    from spatialrag.training.run import Run, is_stalled
except ImportError as error:
    raise MissingDependencyError("torch", extra="ragst", needed_for="fine-tuning") from error

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class FineTuning:
    """Settings.

    Parameters
    ----------
    epochs
        At most.
    patience
        Epochs without improvement on held-out groups before training stops.
    learning_rate, weight_decay, batch
        Learning rate, weight decay and batch of AdamW.
    mean, deviation
        Per channel, of pixels in 0..1: what the network was pretrained with.
    seed, device
        Seed and device of the training.

    Examples
    --------
    >>> FineTuning(epochs=3).epochs
    3
    """

    epochs: int = 30
    patience: int = 5
    learning_rate: float = 1e-4
    weight_decay: float = 0.05
    batch: int = 32
    mean: tuple[float, float, float] = _IMAGENET[0]
    deviation: tuple[float, float, float] = _IMAGENET[1]
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if min(self.epochs, self.patience, self.batch) < 1 or not self.learning_rate > 0:
            raise InputError(
                "fine-tuning needs at least one epoch, patience and batch, and a learning rate",
                got=str(plain(self)),
            )

    def fit(
        self,
        network: nn.Module,
        patches: np.ndarray,
        proportions: np.ndarray,
        *,
        types: Sequence[str],
        groups: np.ndarray,
        name: str = "finetuned",
        checkpoint: str | Path | None = None,
    ) -> "FineTuned":
        """Train network and head in place, and return them.

        Parameters
        ----------
        network
            Pixels (n, 3, size, size), normalized, to features: any module that returns a tensor, or
            a transformers model (its pooled output). Give pretrained weights; a few hundred spots
            train none from scratch.
        patches : (n, size, size, 3) uint8
        proportions : (n, n_types)
            Rows sum to 1.
        types
            Names of the columns.
        groups : (n,)
            Donors, or slides where there are fewer than three donors.
        name
            Name of the encoder that comes out.
        checkpoint
            File with the state after each epoch: an interrupted training goes on from it.

        Raises
        ------
        InputError
            One group alone, missing proportions, or a network that returns no features.
        """
        held = _held_out(np.asarray(groups), self.seed)
        known = np.isfinite(proportions).all(axis=1)
        if not known.all() or len(patches) != len(proportions):
            raise InputError(
                "fine-tuning needs a composition for every patch",
                got=f"{len(patches)} patches, {known.sum()} with one",
            )
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            features = features_of(network, self.pixels(patches[:1]).cpu())
            head = nn.Linear(features.shape[1], proportions.shape[1])
            both = nn.ModuleDict({"network": network, "head": head}).to(self.device)
            data = _Data(self, both, patches, np.asarray(proportions, np.float32), held)
            losses = data.train(None if checkpoint is None else Path(checkpoint))
        logits = data.logits(np.flatnonzero(held))
        return FineTuned(
            settings=self,
            both=both.eval(),
            types=np.asarray(list(types), str),
            temperature=best_temperature(logits, proportions[held]),
            losses=losses,
            name=name,
            size_px=patches.shape[1],
        )

    def pixels(self, patches: np.ndarray) -> torch.Tensor:
        """Return what the network reads of uint8 patches, (n, 3, size, size) on the device."""
        pixels = torch.from_numpy(np.ascontiguousarray(patches)).to(self.device)
        pixels = pixels.permute(0, 3, 1, 2).float() / 255
        mean, deviation = (
            torch.tensor(values, device=self.device).view(1, 3, 1, 1)
            for values in (self.mean, self.deviation)
        )
        return (pixels - mean) / deviation


@dataclass(frozen=True, eq=False)
class FineTuned:
    """A fine-tuned network: a composition head, and a `PatchEncoder` for banks.

    Parameters
    ----------
    settings
        As trained.
    both
        ``network`` and ``head``, in evaluation mode.
    types : (n_types,)
    temperature
        Divides the logits; from the held-out groups.
    losses : (n_epochs,)
        Cross entropy on the held-out groups after each epoch.
    name, size_px
        As of any patch encoder.
    """

    settings: FineTuning
    both: nn.ModuleDict
    types: np.ndarray
    temperature: float
    losses: np.ndarray
    name: str
    size_px: int

    @property
    def fingerprint(self) -> str:
        """Changes with the weights."""
        state = self.both["network"].state_dict()
        arrays = [state[key].cpu().float().numpy() for key in sorted(state)]
        return fingerprint("finetuned", self.size_px, str(plain(self.settings)), *arrays)

    def encode(self, patches: np.ndarray) -> np.ndarray:
        """Return features (n, dim) float32 of uint8 RGB patches (n, size_px, size_px, 3)."""
        return np.concatenate([part.cpu().numpy() for part in self._features(patches)])

    def predict(self, patches: np.ndarray) -> np.ndarray:
        """Return the distribution over types, (n, n_types) float64."""
        with torch.no_grad():
            logits = [self.both["head"](part).cpu().numpy() for part in self._features(patches)]
        return softmax(np.concatenate(logits).astype(float) / self.temperature, axis=1)

    def _features(self, patches: np.ndarray) -> Iterator[torch.Tensor]:
        for start in range(0, len(patches), self.settings.batch):
            with torch.no_grad():
                pixels = self.settings.pixels(patches[start : start + self.settings.batch])
                yield features_of(self.both["network"], pixels)


def features_of(network: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    """Return (n, dim) features of a network, whatever of the usual forms it returns them in."""
    found = network(pixels)
    if not isinstance(found, torch.Tensor):
        pooled = getattr(found, "pooler_output", None)
        found = found.last_hidden_state[:, 0] if pooled is None else pooled
    if found.ndim == 4:  # a map of features
        found = found.mean(dim=(2, 3))
    if found.ndim != 2 or len(found) != len(pixels):
        raise InputError(
            "the network returns no features",
            expected=f"a tensor ({len(pixels)}, dim), a feature map, or a transformers output",
            got=str(tuple(found.shape)),
        )
    return found


@dataclass(frozen=True, eq=False)
class _Data:
    """Patches and compositions, and the network that is trained on those not held out."""

    settings: FineTuning
    both: nn.ModuleDict
    patches: np.ndarray
    targets: np.ndarray
    held: np.ndarray

    def train(self, checkpoint: Path | None) -> np.ndarray:
        """Return the cross entropy on the held-out groups after each epoch."""
        settings, saved = self.settings, None
        if checkpoint is not None:
            key = fingerprint(str(plain(settings)), self.patches, self.targets, self.held)
            same = "patches, proportions, groups and settings"
            saved = Checkpoint(checkpoint, key, same)
        optimizer = torch.optim.AdamW(
            self.both.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        generator = torch.Generator().manual_seed(settings.seed)
        run = Run(self.both, optimizer, generator, "fine-tuning", saved)
        scores = run.train(
            lambda _: self._epoch(run),
            settings.epochs,
            score=lambda: (
                -cross_entropy(self.logits(np.flatnonzero(self.held)), self.targets[self.held])
            ),
            stops=lambda curve: is_stalled(curve, settings.patience),
        )
        if saved is not None:
            saved.remove()
        return -scores

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Return the head's outputs for some patches, (len(rows), n_types) float64."""
        self.both.eval()
        with torch.no_grad():
            parts = [
                self._logits(rows[start : start + self.settings.batch])
                for start in range(0, len(rows), self.settings.batch)
            ]
        return torch.cat(parts).cpu().double().numpy()

    def _logits(self, rows: np.ndarray) -> torch.Tensor:
        pixels = self.settings.pixels(self.patches[rows])
        return self.both["head"](features_of(self.both["network"], pixels))

    def _epoch(self, run: Run) -> float:
        rows = np.flatnonzero(~self.held)
        order = torch.randperm(len(rows), generator=run.generator).numpy()
        torch.manual_seed(int(torch.randint(1 << 30, (1,), generator=run.generator)))
        self.both.train()
        losses = []
        for chosen in np.array_split(rows[order], max(len(rows) // self.settings.batch, 1)):

            def backward(chosen: np.ndarray = chosen) -> float:
                logits = self._logits(chosen)
                target = torch.from_numpy(self.targets[chosen]).to(logits.device)
                loss = functional.cross_entropy(logits, target)
                loss.backward()
                return float(loss.detach())

            losses.append(run.step(backward))
        return float(np.mean(losses))


def _held_out(groups: np.ndarray, seed: int) -> np.ndarray:
    """Return which spots are held out: whole groups, a fifth of the spots at least."""
    names, counts = np.unique(groups.astype(str), return_counts=True)
    if len(names) < 2:
        raise InputError(
            "fine-tuning stops on held-out donors or slides",
            expected="spots of at least two",
            got=f"{str(names[0])!r} alone" if len(names) else "no spots",
        )
    spots = dict(zip(names.tolist(), counts.tolist(), strict=True))
    return np.isin(groups.astype(str), held_out_parts(spots, seed)[0])
