"""What a backbone is, and how anything with ``predict`` becomes one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from spatialrag.bank.bank import Bank
from spatialrag.encoders.embeddings import Embeddings
from spatialrag.errors import InputError
from spatialrag.expression.normalize import Scale, check_scale, to_scale
from spatialrag.prediction.predictor import Queries
from spatialrag.registry import backbones

if TYPE_CHECKING:  # the networks need torch, and this module does not
    from spatialrag.encoders.tiles import Tiles
    from spatialrag.prediction.backbones.fitting import Fitting


@runtime_checkable
class TrainedBackbone(Protocol):
    """A model that predicts certain genes on a certain scale.

    Examples
    --------
    >>> trained = sr.prediction.backbones.Linear().fit(bank, bank.genes[:5], scale="log1p")
    >>> isinstance(trained, TrainedBackbone)
    True
    """

    @property
    def genes(self) -> np.ndarray:
        """Names of the genes it predicts, (n_genes,)."""
        ...

    @property
    def scale(self) -> Scale:
        """Expression scale of what it predicts."""
        ...

    def predict(self, queries: Queries) -> np.ndarray:
        """Return expression (n_queries, len(genes)), below 0 where the model says so.

        Whoever uses it decides what is made of values below 0: `GeneRAG` by ``clip_initial``.
        """
        ...


@runtime_checkable
class Backbone(Protocol):
    """Settings of a model that is trained on the bank's references.

    Examples
    --------
    >>> from spatialrag.prediction.backbones import Linear
    >>> isinstance(Linear(), Backbone)
    True
    """

    def fit(self, bank: Bank, genes: np.ndarray, *, scale: Scale) -> TrainedBackbone:
        """Return the model trained to predict these genes on this scale."""
        ...


@runtime_checkable
class NetworkBackbone(Backbone, Protocol):
    """Settings of a backbone that is a network: it is trained by gradient, on any device."""

    @property
    def fitting(self) -> "Fitting":
        """How its network is trained: epochs, seed, device."""
        ...

    def fit(
        self,
        bank: Bank,
        genes: np.ndarray,
        *,
        scale: Scale,
        checkpoint: str | Path | None = None,
    ) -> TrainedBackbone:
        """Return the model trained to predict these genes, resuming from a checkpoint."""
        ...


@runtime_checkable
class TiledBackbone(NetworkBackbone, Protocol):
    """Settings of a network that looks within patches, where their tiles are embedded."""

    def with_tiles(self, tiles: "Tiles | None") -> "TiledBackbone":
        """Return the same backbone over the tiles of these slides, or over none."""
        ...


@runtime_checkable
class CentringBackbone(Backbone, Protocol):
    """Settings of a backbone that itself takes slides' means from the vectors it reads."""

    @property
    def centring(self) -> float:
        """How much of a slide's mean is taken away, from 0 to 1."""
        ...


AnyBackbone = str | Backbone | TrainedBackbone
"""A registered name, settings to train, or a trained backbone."""


@dataclass(frozen=True, eq=False)
class Model:
    """Any model of embeddings as a trained backbone.

    Parameters
    ----------
    model
        An object with ``predict(vectors)``, such as a scikit-learn regressor, or a callable on a
        float32 tensor, such as a ``torch.nn.Module``; (n, dim) to (n, n_genes).
    genes
        Names of its outputs.
    scale
        Expression scale of its outputs.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> genes = bank.genes[bank.measured_everywhere][:20]
    >>> y = bank.on_scale("log1p_cp10k")[:, bank.columns_of(genes)].toarray()
    >>> model = Model(Ridge().fit(bank.embeddings, y), genes=genes, scale="log1p_cp10k")
    >>> model.predict(queries).shape
    (56, 20)
    """

    model: Any
    genes: Sequence[str]
    scale: Scale

    def __post_init__(self) -> None:
        check_scale(self.scale)
        object.__setattr__(self, "genes", np.asarray(self.genes, dtype=object).astype(str))
        if not (hasattr(self.model, "predict") or callable(self.model)):
            raise InputError(
                f"{type(self.model).__name__} cannot predict",
                expected="an object with predict(vectors), or a torch module",
            )

    def predict(self, queries: Queries) -> np.ndarray:
        """Return the model's outputs for the queries' embeddings."""
        if not isinstance(queries, Embeddings):
            raise InputError(f"the queries of {queries.slide!r} have no embeddings")
        if hasattr(self.model, "predict"):
            values = self.model.predict(queries.vectors)
        else:
            values = self._call_torch(queries.vectors)
        values = np.asarray(values, np.float32)
        expected = (len(queries.spots), len(self.genes))
        if values.shape != expected:
            raise InputError(
                f"{type(self.model).__name__} returned the wrong shape",
                expected=f"{expected}",
                got=f"{values.shape}",
            )
        return values

    def _call_torch(self, vectors: np.ndarray) -> np.ndarray:
        if find_spec("torch") is None:
            return self.model(vectors)
        import torch

        was_training = getattr(self.model, "training", False)
        with torch.inference_mode():
            if was_training:
                self.model.eval()
            values = self.model(torch.from_numpy(np.ascontiguousarray(vectors)))
            if was_training:
                self.model.train()
        return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else values


@dataclass(frozen=True)
class OnDevice:
    """A registered backbone that is trained and run on a device.

    Parameters
    ----------
    name
        Under which it is registered; its settings are the defaults.
    device
        As torch names it.

    Raises
    ------
    InputError
        A backbone without a network, which runs on the CPU alone.
    """

    name: str
    device: str

    def __post_init__(self) -> None:
        placed(make_backbone(self.name), self.device)

    def fit(self, bank: Bank, genes: np.ndarray, *, scale: Scale) -> TrainedBackbone:
        """Return the model trained to predict these genes on this scale."""
        return self.settings.fit(bank, genes, scale=scale)

    @property
    def settings(self) -> Backbone:
        """Of the backbone, with its device."""
        return placed(make_backbone(self.name), self.device)


def placed(settings: AnyBackbone, device: str) -> NetworkBackbone:
    """Return the settings of a backbone with the device its network is trained and run on."""
    if not isinstance(settings, NetworkBackbone):
        raise InputError(
            f"the backbone {type(settings).__name__!r} runs on the CPU alone",
            got=f"device {device!r}",
        )
    return with_fitting(settings, replace(settings.fitting, device=device))


def with_fitting(settings: NetworkBackbone, fitting: "Fitting") -> NetworkBackbone:
    """Return the same backbone, its network trained in another way."""
    return cast(NetworkBackbone, replace(cast(Any, settings), fitting=fitting))


def make_backbone(backbone: AnyBackbone) -> Backbone | TrainedBackbone:
    """Return a backbone from a registered name; objects that are backbones pass through.

    Raises
    ------
    InputError
        An unknown name, or an object that is no backbone: scikit-learn's estimators have a ``fit``
        as well, but of arrays, and are wrapped in `Model` once they are fitted.

    Examples
    --------
    >>> type(make_backbone("stack")).__name__
    'Stack'
    """
    if isinstance(backbone, str):
        made: Backbone = backbones.get(backbone)()
        return made
    if isinstance(backbone, TrainedBackbone):
        return backbone
    if isinstance(backbone, Backbone) and not isinstance(backbone, BaseEstimator):
        return backbone
    raise InputError(
        f"{type(backbone).__name__} is not a backbone",
        expected="a registered name, fit(bank, genes, scale=…), or genes, scale, predict(queries)",
        fix="wrap it: spatialrag.prediction.backbones.backbone.Model(model, genes=…, scale=…)",
    )


def require_trained(backbone: AnyBackbone) -> TrainedBackbone:
    """Return a trained backbone; `InputError` for one that is still to be trained."""
    made = make_backbone(backbone)
    if not isinstance(made, TrainedBackbone):
        raise InputError(f"{type(made).__name__} is not trained", expected="a trained backbone")
    return made


def record_of(backbone: TrainedBackbone) -> dict[str, object]:
    """Return what a prediction's record tells of a backbone that tells of itself."""
    told = getattr(backbone, "record", None)
    return {"backbone": told} if isinstance(told, dict) else {}


def predict_genes(
    backbone: TrainedBackbone, queries: Queries, genes: np.ndarray, *, scale: Scale, clip: bool
) -> np.ndarray:
    """Return what a backbone predicts of named genes on a scale, (n_queries, len(genes)) float32.

    Parameters
    ----------
    backbone, queries, genes
        What is asked of what about which spots.
    scale
        To convert its values to, where that needs no depth.
    clip
        Raise values below 0 to 0 first.

    Raises
    ------
    InputError
        It does not predict some of the genes, predicts NaN or infinite values, or on a scale that
        cannot become the one wanted, as where values of -1 and below would need a logarithm.
    """
    position = pd.Index(backbone.genes).get_indexer(genes)
    if (position < 0).any():
        raise InputError(
            f"the backbone does not predict {(position < 0).sum()} of the anchor genes",
            fix="choose anchors among the genes it predicts",
        )
    values = np.asarray(backbone.predict(queries), np.float32)[:, position]
    if not np.isfinite(values).all():
        raise InputError(f"the initial prediction of {queries.slide!r} contains NaN or inf")
    stored = backbone.scale
    if stored != scale and "log1p_cp10k" in (stored, scale):
        raise InputError(
            "two expression scales would be mixed",
            expected=f"an initial prediction on {scale}",
            got=f"{stored}, whose depth over all genes is unknown",
            fix=f"use scale={stored!r} for the method, or convert the prediction",
        )
    return to_scale(np.maximum(values, 0) if clip else values, stored=stored, wanted=scale)
