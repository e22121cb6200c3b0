"""A trained network as a backbone: standardized inputs and outputs around it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch

from spatialrag.bank.bank import Bank
from spatialrag.encoders.tiles import Tiles
from spatialrag.expression.normalize import Scale
from spatialrag.prediction.backbones.fitting import Fitting, fit_network
from spatialrag.prediction.backbones.network import SpotNetwork, TrainingSlide
from spatialrag.prediction.backbones.views import view_of_queries, views_of_bank
from spatialrag.prediction.features import Features
from spatialrag.prediction.predictor import Queries
from spatialrag.provenance import fingerprint, plain
from spatialrag.training.hold_out import exclusion_groups


class NetworkSettings(Protocol):
    """Settings of a backbone that is a network.

    Attributes
    ----------
    n_around
        Spots around each that it reads.
    tiles
        Tiles of each spot's patch, for networks that look within it; else None.
    components
        Principal components of the embeddings it reads; None for all dimensions.
    standardize
        Whether genes are brought to unit variance for training.
    fitting
        How it is trained.
    """

    n_around: int
    tiles: Tiles | None
    components: int | None
    standardize: bool
    fitting: Fitting

    def network(self, n_inputs: int, n_genes: int) -> SpotNetwork:
        """Return the network with random weights."""
        ...


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network trained on a bank.

    Parameters
    ----------
    settings
        Settings of the backbone.
    genes, scale
        What it predicts.
    bank
        The references it was trained on, against which queries are checked.
    features
        Embeddings to inputs.
    centre, spread : (n_genes,)
        Outputs to expression: times ``spread``, plus ``centre``.
    network
        In evaluation mode.
    epochs
        It was trained for.
    """

    settings: NetworkSettings
    genes: np.ndarray
    scale: Scale
    bank: Bank
    features: Features
    centre: np.ndarray
    spread: np.ndarray
    network: SpotNetwork
    epochs: int = 0

    def predict(self, queries: Queries) -> np.ndarray:
        """Return expression (n_queries, n_genes) float32; a network's may lie below 0."""
        view = view_of_queries(
            queries,
            self.bank,
            self.features,
            n_around=self.settings.n_around,
            tiles=self.settings.tiles,
            device=self.settings.fitting.device,
        )
        with torch.inference_mode():
            values = self.network.predict(view).cpu().numpy()
        return (values * self.spread + self.centre).astype(np.float32)


def train_on_bank(
    settings: NetworkSettings,
    bank: Bank,
    genes: np.ndarray,
    *,
    scale: Scale,
    checkpoint: str | Path | None = None,
) -> TrainedNetwork:
    """Train a network backbone on the bank's spots that have counts.

    Parameters
    ----------
    settings
        Settings of the backbone.
    bank
        References with embeddings and positions.
    genes, scale
        What is to be predicted.
    checkpoint
        File to resume from and write to; removed at the end.
    """
    bank.require_embeddings()
    genes = np.asarray(genes, dtype=object).astype(str)
    usable = ~bank.empty
    features = Features.fit(bank.vectors[usable], settings.components)
    expression = bank.on_scale(scale)[:, bank.columns_of(genes)].toarray().astype(np.float64)
    centre, spread = np.zeros(len(genes)), np.ones(len(genes))
    if settings.standardize:
        centre, spread = expression[usable].mean(axis=0), expression[usable].std(axis=0)
        spread = np.where(spread > 1e-6, spread, 1.0)
    slides = _slides(settings, bank, features, (expression - centre) / spread)
    trained = fit_network(
        lambda: settings.network(slides[0].view.vectors.shape[1], len(genes)),
        slides,
        settings.fitting,
        label=type(settings).__name__,
        checkpoint=checkpoint,
        key=training_key(settings, bank, genes, scale=scale),
    )
    with torch.inference_mode():
        trained.network.store_references(slides)
    return TrainedNetwork(
        settings,
        genes,
        scale,
        bank,
        features,
        centre,
        spread,
        trained.network,
        trained.epochs,
    )


def training_key(settings: NetworkSettings, bank: Bank, genes: np.ndarray, *, scale: Scale) -> str:
    """Return what decides a trained network, as a hash; the device it is trained on does not."""
    placed = replace(cast(Any, settings), fitting=replace(settings.fitting, device="cpu"))
    return fingerprint(bank.fingerprint, genes, scale, str(plain(placed)))


def _slides(
    settings: NetworkSettings, bank: Bank, features: Features, targets: np.ndarray
) -> list[TrainingSlide]:
    device = settings.fitting.device
    views = views_of_bank(
        bank, features, n_around=settings.n_around, tiles=settings.tiles, device=device
    )
    groups = exclusion_groups(bank.slides["donor"].to_numpy(str), bank.slides.index.to_numpy(str))
    slide_of = bank.slide_of
    return [
        TrainingSlide(
            view,
            torch.as_tensor(targets[slide_of == i], dtype=torch.float32, device=device),
            torch.as_tensor(np.flatnonzero(~bank.empty[slide_of == i]), device=device),
            groups[i],
        )
        for i, view in enumerate(views)
    ]
