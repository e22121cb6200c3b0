"""Proportions times profiles: RAG-ST without attention, its honest floor."""

from dataclasses import dataclass, field

import numpy as np

from spatialrag.bank.bank import Bank
from spatialrag.cells.cell_bank import CellBank
from spatialrag.expression.proportions import Proportions
from spatialrag.prediction.prediction import Prediction
from spatialrag.prediction.predictor import Queries, vectors_of
from spatialrag.prediction.ragst.composition import Composition
from spatialrag.prediction.ragst.first_stage import SCALE, FirstStage, fit_first_stage
from spatialrag.provenance import origin


@dataclass(frozen=True, eq=False)
class ProportionsTimesProfiles:
    """Predicted type distribution times the types' mean profiles, with platform factors.

    Parameters
    ----------
    cells, proportions
        As in `RAGST`.
    composition
        Settings of stage 1.
    permuted
        Give each predicted share to another type: the negative control.

    Examples
    --------
    >>> ProportionsTimesProfiles(cells).fit(bank).predict(queries).slide
    'toy4'
    """

    cells: CellBank = field(repr=False)
    proportions: Proportions | None = field(default=None, repr=False)
    composition: Composition = field(default_factory=Composition)
    permuted: bool = False

    def fit(self, bank: Bank) -> "FittedMixture":
        """Train the head and the platform factors on references alone."""
        stage = fit_first_stage(bank, self.cells, self.proportions, self.composition)
        return FittedMixture(self, bank, stage, stage.means(self.cells))


@dataclass(frozen=True, eq=False)
class FittedMixture:
    """Type means on the spots' scale, and the head that weighs them."""

    settings: ProportionsTimesProfiles
    bank: Bank
    stage: FirstStage
    means: np.ndarray

    def predict(self, queries: Queries) -> Prediction:
        """Return the mixture of type means for each query."""
        shares = self.stage.head.predict(vectors_of(queries, self.bank))
        if self.settings.permuted:
            shares = np.roll(shares, 1, axis=1)
        return Prediction(
            slide=queries.slide,
            spots=queries.spots,
            xy=queries.xy,
            genes=self.stage.genes,
            expression=(shares @ self.means).astype(np.float32),
            scale=SCALE,
            record={**origin(self.settings), "bank": self.bank.fingerprint},
        )
