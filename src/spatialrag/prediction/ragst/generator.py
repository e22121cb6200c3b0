"""Stage 2: train attention over references, and ask it for weights."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.prediction.ragst.attention import ReferenceAttention, loss_of, type_prior
from spatialrag.prediction.ragst.references import References
from spatialrag.provenance import fingerprint, plain
from spatialrag.training.graph import Training, train

KEY_COMPONENTS = 30
_SHARES = 3.0  # shares are small numbers beside standardized components
_QUERIES = 512
_TRAINING = Training(epochs=250, learning_rate=3e-3, weight_decay=1e-4)


@dataclass(frozen=True)
class Generator:
    """Settings of stage 2.

    Parameters
    ----------
    n_retrieved
        References per spot.
    n_genes
        Genes that attention is trained on, by variance of the training spots' counts.
    heads, width, dropout
        Heads, width and dropout of attention.
    batch
        Spots per step.
    training
        One step per epoch.
    random
        Retrieve at random instead, by the seed: the negative control.
    seed, device
        Seed and device of the training, and of random retrieval.

    Examples
    --------
    >>> Generator(n_retrieved=16).n_retrieved
    16
    """

    n_retrieved: int = 64
    n_genes: int = 2000
    heads: int = 4
    width: int = 32
    dropout: float = 0.3
    batch: int = 256
    training: Training = field(default_factory=lambda: _TRAINING)
    random: bool = False
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name in ("n_retrieved", "n_genes", "heads", "width", "batch"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1", got=str(getattr(self, name)))
        if not 0 <= self.dropout < 1:
            raise InputError("dropout must be in [0, 1)", got=str(self.dropout))

    def fit(
        self, spots: "TrainingSpots", pool: References, *, checkpoint: str | Path | None = None
    ) -> "FittedGenerator":
        """Return attention trained to give the spots' expression from the pool.

        Parameters
        ----------
        spots
            What attention learns from; none may retrieve references of its own slide.
        pool
            What it may retrieve.
        checkpoint
            File to resume from when it exists, and to write to.

        Raises
        ------
        InputError
            The training diverged, or the checkpoint is of another run.
        """
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            generator = torch.Generator().manual_seed(self.seed)
            keys = pool.keys(KEY_COMPONENTS)
            n_query = spots.inputs.shape[1] + spots.shares.shape[1]
            network = ReferenceAttention(
                n_query, keys.shape[1], heads=self.heads, width=self.width, dropout=self.dropout
            ).to(self.device)
            fitted = FittedGenerator(self, pool, keys, network)
            fitted.learn(spots, generator, checkpoint)
        return fitted


@dataclass(frozen=True, eq=False)
class TrainingSpots:
    """Spots that attention is trained on.

    Parameters
    ----------
    inputs : (n, p)
        What the head reads of their patches.
    shares : (n, n_types)
        The head's distribution over types.
    own : (n,)
        Labels; references with a spot's label are barred.
    truth : (n, n_columns) float32
        Measured expression on ``log1p_cp10k``.
    columns : (n_columns,)
        Positions among the pool's genes.
    """

    inputs: np.ndarray
    shares: np.ndarray
    own: np.ndarray
    truth: np.ndarray
    columns: np.ndarray


@dataclass(frozen=True, eq=False)
class FittedGenerator:
    """Attention over a pool of references.

    Parameters
    ----------
    settings
        As trained.
    pool
        What it retrieves.
    keys : (n_references, p) float32
        What learned similarity knows of the pool.
    network
        In evaluation mode, on the settings' device.
    """

    settings: Generator
    pool: References
    keys: np.ndarray
    network: ReferenceAttention

    def weights(
        self, inputs: np.ndarray, shares: np.ndarray, *, own: np.ndarray | None = None
    ) -> sparse.csr_matrix:
        """Return attention weights, CSR (n_queries, n_references) float64; rows sum to 1.

        Parameters
        ----------
        inputs, shares
            As in `TrainingSpots`.
        own : (n_queries,), optional
            References with a query's label are barred.
        """
        self.network.eval()
        keys = torch.from_numpy(self.keys).to(self.settings.device)
        parts = []
        with torch.no_grad():
            for start in range(0, len(inputs), _QUERIES):
                block = slice(start, start + _QUERIES)
                barred = None if own is None else own[block]
                weights = self._attend(inputs[block], shares[block], barred, keys, start)
                parts.append(sparse.csr_matrix(weights.double().cpu().numpy()))
        found = sparse.vstack(parts, format="csr")
        # float32 sums to 1 within 1e-6; a citation's weights sum to 1 to the last digit kept.
        total = np.asarray(found.sum(axis=1)).ravel()
        return (sparse.diags(1 / total) @ found).tocsr()

    def learn(
        self,
        spots: TrainingSpots,
        generator: torch.Generator,
        checkpoint: str | Path | None = None,
    ) -> None:
        """Train the network; see `Generator.fit`."""
        settings, device = self.settings, self.settings.device
        values = torch.from_numpy(self.pool.values[:, spots.columns].toarray()).to(device)
        truth = torch.from_numpy(np.ascontiguousarray(spots.truth, np.float32)).to(device)
        spread = truth.var(dim=0).mean().clamp_min(1e-12)
        keys = torch.from_numpy(self.keys).to(device)
        self.network.train()

        def step() -> float:
            rows = torch.randperm(len(truth), generator=generator)[: settings.batch].numpy()
            draw = int(torch.randint(1 << 30, (1,), generator=generator))
            torch.manual_seed(draw)  # dropout's; restored by whoever forked, repeated on resuming
            weights = self._attend(
                spots.inputs[rows], spots.shares[rows], spots.own[rows], keys, draw
            )
            loss = loss_of(weights @ values, truth[rows], spread)
            loss.backward()
            return float(loss.detach())

        train(
            self.network,
            step,
            settings.training,
            label="attention",
            generator=generator,
            checkpoint=checkpoint,
            key=fingerprint(
                str(plain(settings)), spots.inputs, spots.shares, spots.truth, self.keys
            ),
        )
        self.network.eval()

    def _attend(
        self,
        inputs: np.ndarray,
        shares: np.ndarray,
        own: np.ndarray | None,
        keys: torch.Tensor,
        draw: int,
    ) -> torch.Tensor:
        device = self.settings.device
        queries = np.hstack([inputs, _SHARES * shares]).astype(np.float32)
        prior = torch.from_numpy(type_prior(shares, self.pool.types)).to(device)
        barred = self._barred(len(inputs), own, draw)
        return self.network(
            torch.from_numpy(queries).to(device),
            keys,
            prior,
            n_retrieved=self.settings.n_retrieved,
            barred=None if barred is None else torch.from_numpy(barred).to(device),
        )

    def _barred(self, n: int, own: np.ndarray | None, draw: int) -> np.ndarray | None:
        """Return what queries may not retrieve: their own slide, or all but a random draw."""
        size = len(self.pool.own)
        barred = np.zeros((n, size), bool)
        if own is not None:
            barred |= own[:, None] == self.pool.own
        if self.settings.random:
            rng = np.random.default_rng((self.settings.seed, draw))
            luck = np.where(barred, np.inf, rng.random((n, size)))
            kept = np.argsort(luck, axis=1)[:, : self.settings.n_retrieved]
            drawn = np.ones((n, size), bool)
            np.put_along_axis(drawn, kept, values=False, axis=1)
            barred |= drawn
        if barred.all(axis=1).any():
            raise InputError(
                "a training spot has nothing to retrieve but itself",
                fix="give more training spots, or references='cells'",
            )
        return barred if barred.any() else None
