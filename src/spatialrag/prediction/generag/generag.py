"""GeneRAG: a sparse regression over the bank, applied to the bank's full expression.

Eq. 1   a = argmin  w ‖f − D_img a‖² + (1−w) ‖y − D_anchor a‖² + g l ‖a‖² + (1−g) l ‖a‖₁
Eq. 2   prediction = D_full a
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast, get_args

import numpy as np
import pandas as pd

from spatialrag.bank.bank import Bank
from spatialrag.errors import InputError, check_choice, check_share
from spatialrag.expression.normalize import Scale, check_scale
from spatialrag.prediction.backbones.backbone import (
    AnyBackbone,
    TrainedBackbone,
    make_backbone,
    predict_genes,
    record_of,
)
from spatialrag.prediction.citations import Citations, cite
from spatialrag.prediction.generag.certificate import certificate
from spatialrag.prediction.generag.equation import Equation, stacked, weigh
from spatialrag.prediction.generag.removals import removals
from spatialrag.prediction.grouping import grouped
from spatialrag.prediction.prediction import Prediction
from spatialrag.prediction.predictor import Queries, vectors_of
from spatialrag.prediction.preparation import AS_EMBEDDED, Preparation, Prepared
from spatialrag.provenance import origin
from spatialrag.retrieval.anchors import RULES, Missing, Rule, choose_anchors, require_anchors
from spatialrag.retrieval.design import SCALINGS, Block, Scaling, make_block
from spatialrag.retrieval.morphology import IMAGE_BLOCKS, ImageBlock, Morphology, fit_morphology
from spatialrag.retrieval.smoothing import Smoothing, fit_smoothing
from spatialrag.solvers.objective import from_sklearn
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.solution import Solution
from spatialrag.solvers.solver import Solver, solve_path
from spatialrag.solvers.working_set.working_set import WorkingSet


@dataclass(frozen=True)
class GeneRAG:
    """Settings of GeneRAG; ``fit(bank)`` returns what predicts.

    Parameters
    ----------
    image_weight
        w of Eq. 1, in [0, 1]: 0 ignores images, 1 ignores anchors.
    strength
        l of Eq. 1; a fraction of each query's smallest vanishing strength when ``relative``.
    relative
        Whether ``strength`` is such a fraction. Undefined at ``ridge_share`` 1.
    ridge_share
        g of Eq. 1, in [0, 1]: 0 is the lasso, 1 is ridge.
    positive
        Whether weights must be non-negative (the published code's constraint; Eq. 1 has none).
    scaling
        ``raw``, ``variance`` or ``standardized``, see `spatialrag.retrieval.design.make_block`.
    image_block
        ``embedding`` or ``supervised``, see `spatialrag.retrieval.morphology.fit_morphology`.
    scale
        Expression scale of anchors, bank and prediction.
    backbone
        A registered name or an object: the initial prediction of the anchor genes.
    context
        Whether f carries the neighborhood context that the bank was embedded with, if any. Without
        it, the image block and the backbone read the spots' own vectors, as in the paper.
    context_um, centring
        See `spatialrag.prediction.preparation.Preparation`. A backbone given trained reads vectors
        as the bank holds them, whatever these three say.
    clip_initial
        Whether initial predictions below 0 are raised to 0, which expression never is below.
    anchors
        ``variable`` or ``coexpressed`` genes, or a list of names.
    n_anchors
        How many, when they are chosen.
    missing
        ``raise``, or ``drop`` listed anchors that the bank lacks.
    smoothing
        Share of Eq. 2's sum that is of smoothed expression, in [0, 1]: references lend each other
        their counts over ``components`` principal components. 0 sums what was measured.
    components
        Principal components of the smoothed expression.
    min_coverage
        A value is missing (NaN) when references that measured the gene hold less than this share
        of the spot's weight.
    solver
        What solves Eq. 1, see `spatialrag.solvers.solver.Solver`.

    Examples
    --------
    >>> fitted = sr.GeneRAG(n_anchors=60, backbone="linear").fit(bank)
    >>> fitted.predict(queries).expression.shape
    (56, 1300)
    """

    image_weight: float = 0.1
    strength: float = 0.03
    relative: bool = True
    ridge_share: float = 0.5
    positive: bool = True
    scaling: Scaling = "variance"
    image_block: ImageBlock = "embedding"
    scale: Scale = "log1p_cp10k"
    backbone: AnyBackbone = "stack"
    context: bool = True
    context_um: tuple[float, ...] = ()
    centring: float = 1.0
    clip_initial: bool = True
    anchors: Rule | Sequence[str] = "variable"
    n_anchors: int = 2000
    missing: Missing = "raise"
    smoothing: float = 0.75
    components: int = 32
    min_coverage: float = 0.5
    solver: Solver = field(default_factory=WorkingSet)

    def __post_init__(self) -> None:
        for name in ("min_coverage", "smoothing"):
            check_share(getattr(self, name), name=name)
        check_scale(self.scale)
        object.__setattr__(self, "context_um", self.preparation.context_um)
        _ = self.equation
        check_choice(self.scaling, SCALINGS, name="scaling")
        check_choice(self.image_block, IMAGE_BLOCKS, name="image_block")
        check_choice(self.missing, get_args(Missing), name="missing")
        if isinstance(self.anchors, str):
            check_choice(self.anchors, RULES, name="anchors")
        for name in ("n_anchors", "components"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1", got=str(getattr(self, name)))

    @property
    def preparation(self) -> Preparation:
        """How embeddings are read."""
        return Preparation(self.context, self.context_um, self.centring)

    @property
    def equation(self) -> Equation:
        """Weights and penalties of Eq. 1."""
        return Equation(self.image_weight, self.strength, self.relative, self.ridge_share)

    @classmethod
    def paper(
        cls, *, strength: float, ridge_share: float, image_weight: float, n_anchors: int = 300
    ) -> "GeneRAG":
        """Return Eq. 1 as printed: free sign, raw blocks, absolute strength, f without context.

        Parameters
        ----------
        strength, ridge_share, image_weight
            l, g and w of Eq. 1.
        n_anchors
            Anchor genes: the paper's 300 of Breast (200 of Kidney and Prostate), its core genes.
        """
        return cls(
            image_weight=image_weight,
            strength=strength,
            relative=False,
            ridge_share=ridge_share,
            positive=False,
            scaling="raw",
            n_anchors=n_anchors,
            backbone="linear",
            context=False,
            centring=0.0,
            clip_initial=False,
            smoothing=0.0,
        )

    @classmethod
    def released(cls, *, n_anchors: int, dim: int) -> "GeneRAG":
        """Return what the published code runs: positive, alpha 0.01, l1_ratio 0.9, raw counts.

        Its loss divides by the rows of the stacked design, so these must be known.

        Parameters
        ----------
        n_anchors
            Anchor genes.
        dim
            Length of the embeddings without context (`EncoderRecord.own_dim`).
        """
        converted = from_sklearn(alpha=0.01, l1_ratio=0.9, m=n_anchors + dim)
        settings = cls.paper(
            strength=converted["strength"],
            ridge_share=converted["ridge_share"],
            image_weight=0.75,
            n_anchors=n_anchors,
        )
        return replace(settings, positive=True, scale="counts")

    def fit(self, bank: Bank) -> "FittedGeneRAG":
        """Choose anchors, train the backbone and stack the design, from references alone."""
        if self.image_weight > 0:
            bank.require_embeddings()
        rows = np.flatnonzero(~bank.empty)
        if len(rows) == 0:
            raise InputError("every reference of the bank has zero counts")
        prepared = self.preparation.fit(bank)
        expression = bank.on_scale(self.scale)[rows]
        backbone = make_backbone(self.backbone)
        given = backbone.genes if isinstance(backbone, TrainedBackbone) else None
        anchors = self._choose(bank, given)
        read = AS_EMBEDDED.fit(bank)
        if not isinstance(backbone, TrainedBackbone):
            read = prepared.for_backbone(backbone)
            backbone = backbone.fit(read.bank, anchors, scale=self.scale)
        columns = bank.columns_of(anchors)
        anchor_values = expression[:, columns].toarray()
        image = morphology = None
        if self.image_weight > 0:
            vectors = prepared.bank.vectors[rows]
            morphology = fit_morphology(vectors, anchor_values, image_block=self.image_block)
            image = make_block(morphology.transform(vectors), scaling=self.scaling)
        block = None
        if self.image_weight < 1:
            block = make_block(anchor_values, scaling=self.scaling)
        smoothing = fit_smoothing(
            expression,
            bank.measured.T[bank.slide_of[rows]],
            share=self.smoothing,
            components=self.components,
        )
        return FittedGeneRAG(
            self, bank, prepared, read, rows, anchors, backbone, block, image, morphology, smoothing
        )

    def _choose(self, bank: Bank, predicted: np.ndarray | None) -> np.ndarray:
        eligible = bank.measured_everywhere
        if not isinstance(self.anchors, str):
            return require_anchors(self.anchors, bank.genes, eligible, missing=self.missing)
        if predicted is not None:
            given = require_anchors(predicted, bank.genes, eligible, missing=self.missing)
            eligible = eligible & np.isin(bank.genes, given)
        rule = cast(Rule, self.anchors)
        return choose_anchors(bank, eligible, rule=rule, n=self.n_anchors)


@dataclass(frozen=True, eq=False)
class FittedGeneRAG:
    """GeneRAG on a bank.

    Parameters
    ----------
    settings, bank
        What was fitted, on what.
    prepared
        The bank with its embeddings as the settings want them.
    read
        The bank as the backbone reads it: as it is, where it was trained elsewhere.
    rows : (n_candidates,)
        References that can be cited: those with counts.
    anchors : (k,)
        Anchor genes.
    backbone
        The trained backbone.
    anchor_block, image_block
        The blocks of the design; None where their weight is 0.
    morphology
        Embeddings to rows of the image block.
    smoothing
        Smoothing of the candidates' expression; None where Eq. 2 sums what was measured.

    Examples
    --------
    >>> fitted = method.fit(bank)
    >>> len(fitted.anchors), fitted.problem(queries).n_queries
    (60, 56)
    """

    settings: GeneRAG
    bank: Bank
    prepared: Prepared
    read: Prepared
    rows: np.ndarray
    anchors: np.ndarray
    backbone: TrainedBackbone
    anchor_block: Block | None
    image_block: Block | None
    morphology: Morphology | None
    smoothing: Smoothing | None

    def predict(self, queries: Queries, *, removed: int = 0) -> Prediction:
        """Return expression of the queries with its citations.

        Parameters
        ----------
        queries
            Spots with embeddings; spots alone when neither images nor backbone need them.
        removed
            For each spot, how many of its strongest references to leave out one at a time and
            solve again, so that a citation's effect on a value is known.

        Raises
        ------
        InputError
            Query embeddings absent or made differently.
        NotConvergedError
            The solver could not prove its tolerance for every query.
        """
        settings = self.settings
        problem = self.problem(queries)
        solution = settings.solver.solve(problem).require_converged()
        again = None
        if removed:
            again = removals(problem, solution, settings.solver, count=removed)
            again["spot"] = np.asarray(queries.spots)[again["spot"]]
        citations = grouped(self.cite(solution, again), self.prepared.bank)
        n_image = 0 if self.image_block is None else self.image_block.rows.shape[1]
        return Prediction(
            slide=queries.slide,
            spots=queries.spots,
            xy=queries.xy,
            genes=self.bank.genes,
            expression=self.expression(citations),
            scale=settings.scale,
            record={
                **origin(settings),
                "bank": self.bank.fingerprint,
                "anchors": len(self.anchors),
                "anchor_genes": self.anchors.tolist(),
                "encoder": str(self.bank.encoder) if self.bank.encoder else "",
                **self.prepared.record(queries),
                **record_of(self.backbone),
            },
            citations=citations,
            certificate=certificate(queries.spots, problem, solution, n_image=n_image),
            uncited_share=0.0,
        )

    def initial(self, queries: Queries) -> np.ndarray:
        """Return the backbone's anchors on the method's scale, (n_queries, k) float32."""
        return predict_genes(
            self.backbone,
            self.read.queries(queries),
            self.anchors,
            scale=self.settings.scale,
            clip=self.settings.clip_initial,
        )

    def cite(self, solution: Solution, removals: pd.DataFrame | None = None) -> Citations:
        """Return what a solution of `problem` cites; ``removals`` as in `Citations`."""
        return cite(
            self.bank, self.rows, solution.weights, self.settings.scale, removals, self.smoothing
        )

    def expression(self, citations: Citations) -> np.ndarray:
        """Return Eq. 2 for every gene of the bank, (n_queries, n_genes); NaN where uncovered.

        Parameters
        ----------
        citations
            References among this fit's candidates, with their weights.
        """
        expression = citations.sum_expression()
        expression[citations.coverage < self.settings.min_coverage] = np.nan
        return expression

    def problem(self, queries: Queries) -> Problem:
        """Return Eq. 1 of all queries as the solver's problem."""
        return self.problems(queries, [self.settings])[0]

    def problems(self, queries: Queries, grid: Sequence[GeneRAG]) -> list[Problem]:
        """Return Eq. 1 under several image weights and strengths, over one design.

        Parameters
        ----------
        queries
            Spots, as `predict` takes them.
        grid
            Settings that differ from those fitted in ``image_weight`` and ``strength`` alone.

        Raises
        ------
        InputError
            A block gets weight that was not fitted, because its weight was 0.
        """
        image = anchors = None
        if self.image_block is not None and self.morphology is not None:
            vectors = vectors_of(self.prepared.queries(queries), self.prepared.bank)
            image = self.image_block.facing(self.morphology.transform(vectors))
        if self.anchor_block is not None:
            anchors = self.anchor_block.facing(self.initial(queries))
        shared, rows = stacked(image, anchors, positive=self.settings.positive)
        return [weigh(shared, rows, each.equation) for each in grid]

    def solutions(self, queries: Queries, grid: Sequence[GeneRAG]) -> list[Solution]:
        """Return the solutions of `problems`, each from the one before it.

        Raises
        ------
        NotConvergedError
            The solver could not prove its tolerance for every query.
        """
        found = solve_path(self.settings.solver, self.problems(queries, grid))
        return [solution.require_converged() for solution in found]
