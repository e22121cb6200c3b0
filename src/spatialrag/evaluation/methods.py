"""The rows of an evaluation table: the method, its variants and the controls."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from spatialrag.bank.bank import Bank
from spatialrag.errors import InputError
from spatialrag.expression.normalize import to_scale
from spatialrag.prediction.controls import BackboneOnly, DepthOnly, MeanProfile, Neighbors
from spatialrag.prediction.generag.blend import GeneRAGBlend
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.prediction import Prediction
from spatialrag.prediction.predictor import FittedPredictor, Predictor, Queries

if TYPE_CHECKING:
    from spatialrag.prediction.ragst.ragst import RAGST

BOTH = ("core", "global")
_SPARSE = {"strength": 0.2, "ridge_share": 0.05}  # near 50 references per spot on HER2ST


@dataclass(frozen=True)
class Row:
    """One method of a table.

    Parameters
    ----------
    name
        Key in the results.
    method
        What is fitted on each fold's references.
    groups
        Gene groups it is scored on.
    tuned
        Choose image_weight and strength inside each fold's references first.
    """

    name: str
    method: Predictor
    groups: tuple[str, ...] = BOTH
    tuned: bool = False


def standard_rows(
    settings: GeneRAG, bank: Bank, *, n_core: int = 300, tuned: bool = False
) -> list[Row]:
    """Return GeneRAG, its variants and every control, all on the settings' scale.

    ``backbone`` is trained on the core genes alone and scored there; ``ridge_all`` is the same
    backbone trained on all genes. ``generag_core_anchors`` knows the core genes alone, so its
    other genes are zero-shot. ``generag_sparse`` is near the paper's 50 references per spot.
    ``generag_paper`` is Eq. 1 as printed, ``generag_released`` the published code's settings, on
    raw counts and once more on the table's scale (``_lognorm``).
    """
    backbone, scale = settings.backbone, settings.scale
    rows = [
        Row("generag", settings),
        Row("backbone", BackboneOnly(backbone, n_core, scale), groups=("core",)),
        Row("ridge_all", BackboneOnly(backbone, None, scale)),
        Row("neighbors", Neighbors(50, backbone, n_core, scale)),
        Row("depth_only", DepthOnly(scale)),
        Row("mean_profile", MeanProfile(scale)),
        Row("generag_core_anchors", replace(settings, n_anchors=n_core)),
        Row("generag_no_image", replace(settings, image_weight=0.0)),
        Row("generag_sparse", replace(settings, **_SPARSE)),
        Row("generag_blend", GeneRAGBlend(settings)),
        Row("generag_paper", replace(paper(bank, n_core), scale=scale, backbone=backbone)),
        Row("generag_released", OnScale(replace(released(bank, n_core), backbone=backbone), scale)),
        Row(
            "generag_released_lognorm",
            replace(released(bank, n_core), scale=scale, backbone=backbone),
        ),
    ]
    if tuned:
        rows.insert(1, Row("generag_tuned", settings, tuned=True))
    return rows


def image_weight_rows(settings: GeneRAG, image_weights: tuple[float, ...]) -> list[Row]:
    """Return GeneRAG at several image weights, everything else equal."""
    return [
        Row(f"generag_w{weight:g}", replace(settings, image_weight=weight))
        for weight in image_weights
    ]


def ragst_rows(settings: "RAGST") -> list[Row]:
    """Return RAG-ST, its parts, other references, and its negative controls.

    ``ragst_no_residual`` is what citations alone give; ``proportions_x_profiles`` has no attention;
    ``ragst_random`` draws what it retrieves; ``types_permuted`` gives shares to other types.
    """
    from spatialrag.prediction.ragst.mixture import ProportionsTimesProfiles

    rows = [Row("ragst", settings), Row("ragst_no_residual", replace(settings, residual_share=0))]
    rows += [
        Row(f"ragst_{kind}", replace(settings, references=kind))
        for kind in ("cells", "spots", "both")
        if kind != settings.references
    ]
    drawn = replace(settings.generator, random=True)
    floor = ProportionsTimesProfiles(settings.cells, settings.proportions, settings.composition)
    return [
        *rows,
        Row("ragst_random", replace(settings, generator=drawn, residual_share=0)),
        Row("proportions_x_profiles", floor),
        Row("types_permuted", replace(floor, permuted=True)),
    ]


def released(bank: Bank, n_anchors: int) -> GeneRAG:
    """Return the published code's settings for a bank: positive, raw counts, image weight 0.75."""
    if bank.encoder is None:
        raise InputError("the released preset weighs images by 0.75: the bank has no embeddings")
    return GeneRAG.released(n_anchors=n_anchors, dim=bank.encoder.dim)


def paper(bank: Bank, n_anchors: int) -> GeneRAG:
    """Return Eq. 1 as printed, free sign, with the strength that the published code amounts to."""
    settings = released(bank, n_anchors)
    return GeneRAG.paper(
        strength=settings.strength,
        ridge_share=settings.ridge_share,
        image_weight=settings.image_weight,
    )


@dataclass(frozen=True)
class OnScale:
    """A method that predicts on another scale, converted so that its errors can be compared.

    What is converted is no longer the sum of its citations, so these are dropped.
    """

    method: Predictor
    scale: str

    def fit(self, bank: Bank) -> "FittedOnScale":
        """Fit the method."""
        return FittedOnScale(self.scale, self.method.fit(bank))


@dataclass(frozen=True, eq=False)
class FittedOnScale:
    """A fitted method and the scale wanted of it."""

    scale: str
    fitted: FittedPredictor

    def predict(self, queries: Queries) -> Prediction:
        """Return the method's prediction on the wanted scale; missing values stay missing."""
        prediction = self.fitted.predict(queries)
        values = np.maximum(np.nan_to_num(prediction.expression), 0)
        converted = to_scale(values, stored=prediction.scale, wanted=self.scale)
        converted[prediction.missing] = np.nan
        return replace(
            prediction, expression=converted, scale=self.scale, citations=None, uncited_share=1.0
        )
