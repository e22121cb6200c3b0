"""RAG-ST: patch to cell-type distribution to retrieved profiles to expression, with its citations.

value_sg = sum_i a_si v_ig + r_sg: weights a of retrieved references (at least 0, sum 1), v their
expression as a spot would show it, and r a residual whose size is bounded. See README.md beside it.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd

from spatialrag.bank.bank import Bank
from spatialrag.cells.cell_bank import CellBank
from spatialrag.errors import InputError, check_choice
from spatialrag.expression.genes import rank_by_variance
from spatialrag.expression.proportions import Proportions
from spatialrag.prediction.prediction import Prediction
from spatialrag.prediction.predictor import Queries, vectors_of
from spatialrag.prediction.ragst.composition import Composition
from spatialrag.prediction.ragst.first_stage import (
    SCALE,
    FirstStage,
    fit_first_stage,
    groups_of,
    known_columns,
)
from spatialrag.prediction.ragst.generator import FittedGenerator, Generator, TrainingSpots
from spatialrag.prediction.ragst.references import (
    References,
    cell_references,
    join_references,
    spot_references,
)
from spatialrag.prediction.ragst.residual import Residual, fit_residual
from spatialrag.provenance import origin

ReferenceKind = Literal["cells", "spots", "both"]
KINDS = get_args(ReferenceKind)


@dataclass(frozen=True, eq=False)
class RAGST:
    """Settings of RAG-ST.

    Parameters
    ----------
    cells
        Single-cell bank.
    proportions
        Proportions of training spots, for stage 1; deconvolved from their counts when absent.
    references
        What may be cited: ``cells``, ``spots`` of the spatial bank, or ``both``.
    residual_share
        Largest share of a gene's variance that the residual may have; 0 switches it off.
    composition
        Settings of stage 1.
    generator
        Settings of stage 2.

    Examples
    --------
    >>> settings = sr.RAGST(cells, residual_share=0.0, generator=quick)
    >>> settings.fit(bank).predict(queries).scale
    'log1p_cp10k'
    """

    cells: CellBank = field(repr=False)
    proportions: Proportions | None = field(default=None, repr=False)
    references: ReferenceKind = "cells"
    residual_share: float = 0.2
    composition: Composition = field(default_factory=Composition)
    generator: Generator = field(default_factory=Generator)

    def __post_init__(self) -> None:
        check_choice(self.references, KINDS, name="references")
        if not 0 <= self.residual_share < 1:
            raise InputError("residual_share must be in [0, 1)", got=str(self.residual_share))

    def fit(self, bank: Bank, *, checkpoint: str | Path | None = None) -> "FittedRAGST":
        """Train both stages on references alone.

        Parameters
        ----------
        bank
            Training spots with embeddings.
        checkpoint
            File to resume attention's training from, and to write to.
        """
        stage = fit_first_stage(bank, self.cells, self.proportions, self.composition)
        pool = build_pool(self, bank, stage)
        spots = _training_spots(self.generator.n_genes, bank, stage, pool)
        generator = self.generator.fit(spots, pool, checkpoint=checkpoint)
        fitted = FittedRAGST(self, bank, stage, generator)
        if self.residual_share == 0:
            return fitted
        return replace(fitted, residual=_residual(fitted, spots))


@dataclass(frozen=True, eq=False)
class FittedRAGST:
    """RAG-ST on a spatial bank and a single-cell bank.

    Parameters
    ----------
    settings, bank
        What was fitted, on what.
    stage
        Stage 1.
    generator
        Stage 2, and the references it retrieves.
    residual
        None where the share is 0.

    Examples
    --------
    >>> fitted = sr.RAGST(cells, residual_share=0.0, generator=quick).fit(bank)
    >>> fitted.predict(queries).uncited_share
    0.0
    """

    settings: RAGST
    bank: Bank
    stage: FirstStage
    generator: FittedGenerator
    residual: Residual | None = None

    def without_residual(self) -> "FittedRAGST":
        """Return the same fit, its residual off: every value is then its citations alone."""
        return replace(self, residual=None)

    def predict(self, queries: Queries) -> Prediction:
        """Return expression of the queries with its citations.

        The certificate holds each spot's predicted distribution over types (``type_<name>``) and
        the root mean square over genes of what the residual adds.

        Raises
        ------
        InputError
            Query embeddings absent or made differently.
        """
        inputs = self.stage.head.inputs(vectors_of(queries, self.bank))
        shares = self.stage.head.shares(inputs)
        weights = self.generator.weights(inputs, shares)
        citations = self.generator.pool.cite(weights, self.bank)
        retrieved = citations.sum_expression()
        added = np.zeros_like(retrieved)
        if self.residual is not None:
            # Never below 0, as expression is not.
            added = np.maximum(self.residual.predict(inputs), -retrieved)
        return Prediction(
            slide=queries.slide,
            spots=queries.spots,
            xy=queries.xy,
            genes=self.generator.pool.genes,
            expression=retrieved + added,
            scale=SCALE,
            record=self._record(),
            citations=citations,
            certificate=self._certificate(queries, shares, added),
            uncited_share=_variance_share(added, retrieved),
        )

    def _record(self) -> dict[str, object]:
        learned = np.isin(self.generator.pool.genes, self.bank.genes)
        return {
            **origin(self.settings),
            "bank": self.bank.fingerprint,
            "cells": self.settings.cells.fingerprint,
            "proportions": self.stage.proportions_from,
            "spots_without_proportions": self.stage.n_without,
            "types_without_cells": self.stage.types_without_cells(self.settings.cells),
            "references": len(self.generator.pool.table),
            "genes_of_training_spots": int(learned.sum()),
            "encoder": str(self.bank.encoder),
        }

    def _certificate(self, queries: Queries, shares: np.ndarray, added: np.ndarray) -> pd.DataFrame:
        names = [f"type_{name}" for name in self.stage.head.types]
        table = pd.DataFrame(shares, columns=names, index=np.asarray(queries.spots))
        return table.assign(residual=np.sqrt(np.square(added).mean(axis=1)))


def build_pool(settings: RAGST, bank: Bank, stage: FirstStage) -> References:
    """Return what may be cited, as the settings say."""
    head = stage.head
    vectors = head.inputs(bank.vectors[stage.rows])
    cells = spots = None
    genes = bank.genes
    if settings.references != "spots":
        cells = cell_references(
            settings.cells, stage.genes, stage.platform, head.types, vectors.shape[1]
        )
        cells = cells.times(stage.level_factors(cells.type_means()))
        genes = stage.genes
    if settings.references == "both" and cells is not None:
        genes = np.union1d(stage.genes, bank.genes)
        cells = cells.over(genes)
    if settings.references != "cells":
        spots = spot_references(
            bank,
            stage.rows,
            genes,
            composition=stage.compositions,
            types=head.types,
            vectors=vectors,
            own=_own(bank, stage.rows),
        )
    if cells is not None and spots is not None:
        return join_references(cells, spots)
    return next(pool for pool in (cells, spots) if pool is not None)


def _own(bank: Bank, rows: np.ndarray) -> np.ndarray:
    """Return what a training spot may not retrieve: its slide, or itself where there is one."""
    slides = bank.references["slide"].to_numpy(str)[rows]
    return slides if len(np.unique(slides)) > 1 else bank.references.index.to_numpy(str)[rows]


def _training_spots(n_genes: int, bank: Bank, stage: FirstStage, pool: References) -> TrainingSpots:
    eligible = bank.measured_everywhere & np.isin(bank.genes, pool.genes)
    chosen = rank_by_variance(bank.expression[stage.rows], eligible)[:n_genes]
    inputs = stage.head.inputs(bank.vectors[stage.rows])
    return TrainingSpots(
        inputs=inputs,
        shares=stage.head.shares(inputs),
        own=_own(bank, stage.rows),
        truth=bank.on_scale(SCALE)[stage.rows][:, chosen].toarray(),
        columns=pd.Index(pool.genes).get_indexer(bank.genes[chosen]),
    )


def _residual(fitted: FittedRAGST, spots: TrainingSpots) -> Residual:
    bank, pool, rows = fitted.bank, fitted.generator.pool, fitted.stage.rows
    weights = fitted.generator.weights(spots.inputs, spots.shares, own=spots.own)
    retrieved = np.asarray((weights @ pool.values).todense(), np.float32)
    column, known = known_columns(bank, pool.genes)
    truth = np.zeros_like(retrieved)
    truth[:, known] = bank.on_scale(SCALE)[rows][:, column[known]].toarray()
    return fit_residual(
        spots.inputs,
        truth - retrieved,
        retrieved,
        known,
        groups=groups_of(bank, rows),
        share=fitted.settings.residual_share,
    )


def _variance_share(added: np.ndarray, retrieved: np.ndarray) -> float:
    """Return the mean over genes of var(residual) / (var(residual) + var(retrieved))."""
    own, other = added.var(axis=0), retrieved.var(axis=0)
    total = own + other
    return float(np.divide(own, total, out=np.zeros_like(own), where=total > 0).mean())
