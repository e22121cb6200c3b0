"""What a dense regression makes of the same predicted anchors: the control of sparse retrieval."""

from dataclasses import dataclass

import numpy as np

from spatialrag.bank.bank import Bank
from spatialrag.expression.normalize import Scale
from spatialrag.prediction.backbones.backbone import AnyBackbone
from spatialrag.prediction.controls import BackboneOnly, FittedBackboneOnly
from spatialrag.prediction.features import choose_penalty, ridge
from spatialrag.prediction.prediction import Prediction
from spatialrag.prediction.predictor import Queries
from spatialrag.prediction.preparation import AS_EMBEDDED, Preparation
from spatialrag.provenance import origin


@dataclass(frozen=True)
class DenseFromAnchors:
    """Ridge from anchor genes to all genes, applied to the anchors that a backbone predicts.

    It reads what retrieval reads, and cites nothing: what GeneRAG has beyond it is due to choosing
    references.

    Parameters
    ----------
    backbone, n_anchors, scale, preparation
        As in `spatialrag.prediction.controls.Neighbors`.
    """

    backbone: AnyBackbone = "linear"
    n_anchors: int = 300
    scale: Scale = "log1p_cp10k"
    preparation: Preparation = AS_EMBEDDED

    def fit(self, bank: Bank) -> "FittedDenseFromAnchors":
        """Train the backbone, and regress all genes on measured anchors; the penalty is chosen."""
        settings = BackboneOnly(self.backbone, self.n_anchors, self.scale, self.preparation)
        predictor = settings.fit(bank)
        rows = ~bank.empty
        expression = bank.on_scale(self.scale)[rows]
        genes = np.flatnonzero(bank.measured_everywhere)
        targets = expression[:, genes]
        x = expression[:, bank.columns_of(predictor.backbone.genes)].toarray().astype(np.float64)
        mean = x.mean(axis=0)
        penalty = choose_penalty(x, targets, bank.slide_of[rows])
        coefficients = ridge(x - mean, targets, [penalty])[0].astype(np.float32)
        level = np.asarray(targets.mean(axis=0), np.float32).ravel()
        return FittedDenseFromAnchors(
            self, bank, predictor, bank.genes[genes], mean, coefficients, level
        )


@dataclass(frozen=True, eq=False)
class FittedDenseFromAnchors:
    """Both regressions, fitted.

    Parameters
    ----------
    settings, bank
        What was fitted, on what.
    predictor
        Embeddings to anchors.
    genes
        Genes of the bank, that every slide measured.
    mean : (n_anchors,)
        Mean of the anchors over references.
    coefficients : (n_anchors, n_genes)
    level : (n_genes,)
        Level of the genes over references.
    """

    settings: DenseFromAnchors
    bank: Bank
    predictor: FittedBackboneOnly
    genes: np.ndarray
    mean: np.ndarray
    coefficients: np.ndarray
    level: np.ndarray

    def predict(self, queries: Queries) -> Prediction:
        """Return all genes from the queries' predicted anchors, never below 0."""
        anchors = self.predictor.initial(queries)
        values = (anchors - self.mean).astype(np.float32) @ self.coefficients + self.level
        return Prediction(
            slide=queries.slide,
            spots=queries.spots,
            xy=queries.xy,
            genes=self.genes,
            expression=np.maximum(values, 0),
            scale=self.settings.scale,
            record={**origin(self.settings), "bank": self.bank.fingerprint},
        )
