"""GeneRAG averaged with its backbone: a separate method, because part of it cites nothing."""

from dataclasses import dataclass, field, replace

import numpy as np

from spatialrag.bank.bank import Bank
from spatialrag.errors import check_share
from spatialrag.prediction.controls import BackboneOnly, FittedBackboneOnly
from spatialrag.prediction.generag.generag import FittedGeneRAG, GeneRAG
from spatialrag.prediction.prediction import Prediction
from spatialrag.prediction.predictor import Queries


@dataclass(frozen=True)
class GeneRAGBlend:
    """A weighted mean of GeneRAG and its backbone trained on all genes.

    Parameters
    ----------
    generag
        The cited part; its backbone is the uncited part.
    backbone_share
        Share of the backbone in every value, in [0, 1].

    Examples
    --------
    >>> GeneRAGBlend(method, backbone_share=0.3).fit(bank).predict(queries).uncited_share
    0.3
    """

    generag: GeneRAG = field(default_factory=GeneRAG)
    backbone_share: float = 0.5

    def __post_init__(self) -> None:
        check_share(self.backbone_share, name="backbone_share")

    def fit(self, bank: Bank) -> "FittedGeneRAGBlend":
        """Fit both parts."""
        inner = self.generag
        other = BackboneOnly(inner.backbone, None, inner.scale, inner.preparation)
        return FittedGeneRAGBlend(self, inner.fit(bank), other.fit(bank))


@dataclass(frozen=True, eq=False)
class FittedGeneRAGBlend:
    """Both parts, fitted."""

    settings: GeneRAGBlend
    generag: FittedGeneRAG
    backbone: FittedBackboneOnly

    def predict(self, queries: Queries) -> Prediction:
        """Return the mean; ``uncited_share`` states the backbone's part."""
        share = self.settings.backbone_share
        cited = self.generag.predict(queries)
        uncited = self.backbone.predict(queries).values_of(cited.genes)
        # Genes the backbone lacks stay GeneRAG's alone.
        mixed = np.where(
            np.isnan(uncited), cited.expression, (1 - share) * cited.expression + share * uncited
        )
        return replace(
            cited,
            expression=mixed.astype(np.float32),
            record={
                **cited.record,
                "method": "GeneRAGBlend",
                "backbone_share": share,
                # Its backbone is trained on these: none of them is zero-shot.
                "anchors": len(self.backbone.backbone.genes),
                "anchor_genes": self.backbone.backbone.genes.tolist(),
            },
            uncited_share=share,
        )
