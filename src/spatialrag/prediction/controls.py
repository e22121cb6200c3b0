"""The controls that stand in every table: what retrieval must beat."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy import sparse
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from spatialrag.bank.bank import Bank
from spatialrag.errors import InputError
from spatialrag.expression.normalize import Scale
from spatialrag.prediction.backbones.backbone import (
    AnyBackbone,
    TrainedBackbone,
    make_backbone,
    require_trained,
)
from spatialrag.prediction.citations import cite
from spatialrag.prediction.prediction import Prediction
from spatialrag.prediction.predictor import FittedPredictor, Predictor, Queries, vectors_of
from spatialrag.prediction.preparation import AS_EMBEDDED, Preparation, Prepared
from spatialrag.provenance import origin
from spatialrag.retrieval.anchors import choose_anchors, require_anchors
from spatialrag.retrieval.neighbors import nearest


@dataclass(frozen=True)
class MeanProfile:
    """The references' mean expression, the same for every spot.

    Examples
    --------
    >>> MeanProfile().fit(bank).predict(queries).slide
    'toy4'
    """

    scale: Scale = "log1p_cp10k"

    def fit(self, bank: Bank) -> "FittedMeanProfile":
        """Average the references that measured each gene."""
        return FittedMeanProfile(self, bank, mean_profile(bank, self.scale))


@dataclass(frozen=True, eq=False)
class FittedMeanProfile:
    """One profile for every query."""

    settings: MeanProfile
    bank: Bank
    profile: np.ndarray

    def predict(self, queries: Queries) -> Prediction:
        """Return the mean profile for each query."""
        expression = np.tile(self.profile, (len(queries.spots), 1))
        return _uncited(self.settings, self.bank, queries, self.bank.genes, expression)


class _Scaled(Protocol):
    @property
    def scale(self) -> Scale: ...


@dataclass(frozen=True)
class DepthOnly:
    """One number per spot for all genes: the depth that a ridge predicts from the image.

    With a trained ``backbone`` that reads no images, the mean of its predictions takes the place
    of the predicted depth. Every gene's map is this number, moved to the gene's mean level.

    Examples
    --------
    >>> DepthOnly().fit(bank).predict(queries).slide
    'toy4'
    """

    scale: Scale = "log1p_cp10k"
    backbone: AnyBackbone | None = None
    preparation: Preparation = AS_EMBEDDED

    def fit(self, bank: Bank) -> "FittedDepthOnly":
        """Regress log depth on the references' embeddings."""
        model, prepared = None, self.preparation.fit(bank)
        given = None if self.backbone is None else require_trained(self.backbone)
        if given is None:
            bank.require_embeddings()
            rows = ~bank.empty
            model = make_pipeline(StandardScaler(), RidgeCV(alphas=np.geomspace(1, 1e6, 13)))
            model.fit(prepared.bank.vectors[rows], log_depth(bank)[rows])
        return FittedDepthOnly(self, bank, prepared, mean_profile(bank, self.scale), model, given)


@dataclass(frozen=True, eq=False)
class FittedDepthOnly:
    """A depth per query, spread over all genes."""

    settings: DepthOnly
    bank: Bank
    prepared: Prepared
    profile: np.ndarray
    model: Pipeline | None
    given: TrainedBackbone | None

    def predict(self, queries: Queries) -> Prediction:
        """Return the depth, moved to each gene's mean."""
        if self.given is not None:
            depth = self.given.predict(queries).mean(axis=1)
        elif self.model is not None:
            read = self.prepared.queries(queries)
            depth = self.model.predict(vectors_of(read, self.prepared.bank))
        expression = spread_depth(depth, self.profile)
        return _uncited(self.settings, self.bank, queries, self.bank.genes, expression)


@dataclass(frozen=True)
class BackboneOnly:
    """A backbone's own prediction, without retrieval; never below 0, as expression is not.

    Parameters
    ----------
    backbone
        As in `GeneRAG`.
    n_genes
        Train it on this many genes of largest variance; None for all genes of the bank
        (ridge to all genes, with the linear backbone).
    scale
        Expression scale.
    preparation
        How embeddings are read; a backbone given trained reads them as the bank holds them.

    Examples
    --------
    >>> BackboneOnly("linear", 50).fit(bank).predict(queries).expression.shape
    (56, 50)
    """

    backbone: AnyBackbone = "linear"
    n_genes: int | None = None
    scale: Scale = "log1p_cp10k"
    preparation: Preparation = AS_EMBEDDED

    def fit(self, bank: Bank) -> "FittedBackboneOnly":
        """Train the backbone on the bank."""
        backbone, prepared = make_backbone(self.backbone), AS_EMBEDDED.fit(bank)
        if not isinstance(backbone, TrainedBackbone):
            prepared = self.preparation.fit(bank).for_backbone(backbone)
            backbone = backbone.fit(prepared.bank, self._genes(bank), scale=self.scale)
        if backbone.scale != self.scale:
            raise InputError(
                "two expression scales would be mixed",
                expected=self.scale,
                got=f"a backbone on {backbone.scale}",
                fix=f"pass scale={backbone.scale!r}",
            )
        return FittedBackboneOnly(self, bank, prepared, backbone)

    def _genes(self, bank: Bank) -> np.ndarray:
        if self.n_genes is None:
            return bank.genes[bank.measured_everywhere]
        return choose_anchors(bank, bank.measured_everywhere, rule="variable", n=self.n_genes)


@dataclass(frozen=True, eq=False)
class FittedBackboneOnly:
    """A trained backbone as a predictor."""

    settings: BackboneOnly
    bank: Bank
    prepared: Prepared
    backbone: TrainedBackbone

    def initial(self, queries: Queries) -> np.ndarray:
        """Return the backbone's prediction of its genes, raised to 0, (n_queries, n) float32."""
        values = self.backbone.predict(self.prepared.queries(queries))
        return np.maximum(np.asarray(values, np.float32), 0)

    def predict(self, queries: Queries) -> Prediction:
        """Return the backbone's prediction of the genes it knows."""
        return _uncited(
            self.settings, self.bank, queries, self.backbone.genes, self.initial(queries)
        )


@dataclass(frozen=True)
class Neighbors:
    """Mean measured expression of the nearest references in the space of predicted anchors.

    Parameters
    ----------
    k
        References averaged.
    backbone, n_anchors, scale
        As in `GeneRAG`: the query's anchors are predicted, the references' measured.
    preparation
        As in `BackboneOnly`.

    Examples
    --------
    >>> Neighbors(k=10, n_anchors=50).fit(bank).predict(queries).citations.n_active.max()
    np.int32(10)
    """

    k: int = 50
    backbone: AnyBackbone = "linear"
    n_anchors: int = 300
    scale: Scale = "log1p_cp10k"
    preparation: Preparation = AS_EMBEDDED

    def fit(self, bank: Bank) -> "FittedNeighbors":
        """Choose anchors and train the backbone."""
        settings = BackboneOnly(self.backbone, self.n_anchors, self.scale, self.preparation)
        predictor = settings.fit(bank)
        rows = np.flatnonzero(~bank.empty)
        names = require_anchors(
            predictor.backbone.genes, bank.genes, bank.measured_everywhere, missing="raise"
        )
        columns = bank.columns_of(names)
        anchors = bank.on_scale(self.scale)[rows][:, columns].toarray()
        return FittedNeighbors(self, bank, rows, predictor, anchors)


@dataclass(frozen=True, eq=False)
class FittedNeighbors:
    """References by their anchors."""

    settings: Neighbors
    bank: Bank
    rows: np.ndarray
    predictor: FittedBackboneOnly
    anchors: np.ndarray

    def predict(self, queries: Queries) -> Prediction:
        """Return the mean of each query's nearest references, cited with equal weights."""
        index = nearest(self.predictor.initial(queries), self.anchors, k=self.settings.k)
        n, k = index.shape
        weights = sparse.csr_matrix(
            (np.full(n * k, 1 / k), index.ravel(), np.arange(0, n * k + 1, k)),
            shape=(n, len(self.rows)),
        )
        citations = cite(self.bank, self.rows, weights, self.settings.scale)
        return Prediction(
            slide=queries.slide,
            spots=queries.spots,
            xy=queries.xy,
            genes=self.bank.genes,
            expression=citations.sum_expression(),
            scale=self.settings.scale,
            record={**origin(self.settings), "bank": self.bank.fingerprint},
            citations=citations,
            uncited_share=0.0,
        )


@dataclass(frozen=True)
class Permuted:
    """A method whose references wear the embeddings of other spots of their slides.

    Nothing that depends on a spot's image survives; whatever is still predicted comes from
    elsewhere, and in a table this row must fall to the null.

    Parameters
    ----------
    method
        Any predictor.
    seed
        Seed of the permutations.
    """

    method: Predictor
    seed: int = 0

    def fit(self, bank: Bank) -> FittedPredictor:
        """Fit the method on the permuted bank."""
        bank.require_embeddings()
        rng, order = np.random.default_rng(self.seed), np.arange(bank.n_references)
        for slide in range(len(bank.slides)):
            rows = np.flatnonzero(bank.slide_of == slide)
            order[rows] = rng.permutation(rows)
        return self.method.fit(replace(bank, embeddings=bank.vectors[order]))


def mean_profile(bank: Bank, scale: Scale) -> np.ndarray:
    """Return the mean of each gene over the references that measured it, (n_genes,) float32."""
    rows = ~bank.empty
    total = np.asarray(bank.on_scale(scale)[rows].sum(axis=0, dtype=np.float64)).ravel()
    spots = np.bincount(bank.slide_of[rows], minlength=len(bank.slides))
    return (total / np.maximum(bank.measured @ spots, 1)).astype(np.float32)


def log_depth(bank: Bank) -> np.ndarray:
    """Return ln(1 + depth) of each reference, (n_references,)."""
    return np.log1p(bank.references["total_counts"].to_numpy(float))


def spread_depth(depth: np.ndarray, profile: np.ndarray) -> np.ndarray:
    """Return (n_spots, n_genes): each gene's mean plus the centred depth."""
    return (profile + (depth - depth.mean())[:, None]).astype(np.float32)


def _uncited(
    settings: _Scaled, bank: Bank, queries: Queries, genes: np.ndarray, expression: np.ndarray
) -> Prediction:
    return Prediction(
        slide=queries.slide,
        spots=queries.spots,
        xy=queries.xy,
        genes=genes,
        expression=expression,
        scale=settings.scale,
        record={**origin(settings), "bank": bank.fingerprint},
    )
