"""The rows of an evaluation table: the method, its variants and the controls."""

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from spatialrag.bank.bank import Bank
from spatialrag.errors import InputError, check_choice
from spatialrag.expression.normalize import Scale, to_scale
from spatialrag.prediction.backbones.backbone import AnyBackbone, TrainedBackbone
from spatialrag.prediction.backbones.linear import Linear
from spatialrag.prediction.backbones.stack.stack import Stack
from spatialrag.prediction.controls import (
    BackboneOnly,
    DepthOnly,
    MeanProfile,
    Neighbors,
    Permuted,
)
from spatialrag.prediction.dense import DenseFromAnchors
from spatialrag.prediction.generag.blend import GeneRAGBlend
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.prediction import Prediction
from spatialrag.prediction.predictor import FittedPredictor, Predictor, Queries

if TYPE_CHECKING:
    from spatialrag.prediction.ragst.ragst import RAGST

BOTH = ("core", "global")
PublishedPreset = Literal["paper", "released", "released_lognorm"]
PUBLISHED = get_args(PublishedPreset)
RANK = 32
_SPARSE_STRENGTH, _SPARSE_RIDGE_SHARE = 0.2, 0.05  # near 50 references per spot on HER2ST


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

    Examples
    --------
    >>> Row("sparse", sr.GeneRAG(strength=0.2), groups=("core",)).name
    'sparse'
    """

    name: str
    method: Predictor
    groups: tuple[str, ...] = BOTH
    tuned: bool = False


def standard_rows(
    settings: GeneRAG, bank: Bank, *, n_core: int = 300, tuned: bool = False
) -> list[Row]:
    """Return GeneRAG, its variants and every control, all on the settings' scale.

    ``backbone`` is trained on the core genes alone and scored there. ``ridge_all`` is linear ridge
    to all genes, ``ridge_low_rank`` the same of rank 32, ``stack_all`` the stack on all genes and
    ``dense_from_anchors`` a ridge from the anchors that the backbone predicts to all genes, all on
    the features and centring of the settings. ``generag_permuted`` has the references' embeddings
    permuted within slides, and must fall to the null. ``generag_core_anchors`` knows the core genes
    alone, so its other genes are zero-shot. ``generag_sparse`` is near the paper's 50 references
    per spot.
    The last rows are those of `published`, over the same backbone (linear for the default one);
    ``generag_released`` is left out, with a warning, where that is trained on a scale that cannot
    become counts.

    Examples
    --------
    >>> rows = sr.standard_rows(sr.GeneRAG(), bank)
    >>> [row.name for row in rows[:3]]
    ['generag', 'backbone', 'ridge_all']
    """
    backbone, scale, read = settings.backbone, settings.scale, settings.preparation
    rows = [
        Row("generag", settings),
        Row("backbone", BackboneOnly(backbone, n_core, scale, read), groups=("core",)),
        Row("ridge_all", BackboneOnly(Linear(), None, scale, read)),
        Row("ridge_low_rank", BackboneOnly(Linear(rank=RANK), None, scale, read)),
        Row("stack_all", BackboneOnly(Stack(), None, scale, read)),
        Row("dense_from_anchors", DenseFromAnchors(backbone, n_core, scale, read)),
        Row("neighbors", Neighbors(50, backbone, n_core, scale, read)),
        Row("depth_only", DepthOnly(scale, preparation=read)),
        Row("mean_profile", MeanProfile(scale)),
        Row("generag_core_anchors", replace(settings, anchors="variable", n_anchors=n_core)),
        Row("generag_no_image", replace(settings, image_weight=0.0)),
        Row(
            "generag_sparse",
            replace(settings, strength=_SPARSE_STRENGTH, ridge_share=_SPARSE_RIDGE_SHARE),
        ),
        Row("generag_blend", GeneRAGBlend(settings)),
        Row("generag_permuted", Permuted(settings)),
    ]
    # What was published starts from one regression; our default would change what it is.
    over = "linear" if backbone == GeneRAG.backbone else backbone
    rows += [
        Row(
            f"generag_{preset}",
            published(preset, bank, n_core=n_core, scale=scale, backbone=over),
        )
        for preset in _possible(backbone, scale)
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


def published(
    preset: str, bank: Bank, *, n_core: int, scale: Scale, backbone: AnyBackbone = "linear"
) -> Predictor:
    """Return one of the published settings as a row of a table, on the table's scale.

    All take the core genes as anchors and the spots' own vectors as f, clip nothing, and have the
    strength that the published code's alpha amounts to over the rows of this design.

    Parameters
    ----------
    preset
        ``paper``: Eq. 1 as printed, of free sign, on the table's scale. ``released``: the published
        code's settings on raw counts, as it runs them, what they predict then converted.
        ``released_lognorm``: the same settings on the table's scale throughout.
    bank
        References and queries: of a fold's references the anchors are never fewer.
    n_core
        Core genes; fewer where the slides share fewer, or the trained backbone predicts fewer.
    scale
        Scale of the table.
    backbone
        As in `GeneRAG`. A trained one is on counts (or log counts) for ``released``.
    """
    check_choice(preset, PUBLISHED, name="preset")
    eligible = bank.measured_everywhere
    if isinstance(backbone, TrainedBackbone):
        eligible = eligible & np.isin(bank.genes, backbone.genes)
    n_anchors = max(1, min(n_core, int(eligible.sum())))
    settings = paper(bank, n_anchors) if preset == "paper" else released(bank, n_anchors)
    settings = replace(settings, backbone=backbone)
    if preset != "released":
        return replace(settings, scale=scale)
    return settings if scale == settings.scale else OnScale(settings, scale)


def _possible(backbone: AnyBackbone, scale: Scale) -> list[str]:
    """Return the published settings that differ on a scale and can be had over a backbone."""
    presets = [name for name in PUBLISHED if scale != "counts" or name != "released_lognorm"]
    if isinstance(backbone, TrainedBackbone) and backbone.scale == "log1p_cp10k":
        presets.remove("released")
        warnings.warn(
            "generag_released is left out: it retrieves on raw counts, which this backbone, "
            "trained on log1p_cp10k, cannot predict; give it untrained, or trained on counts",
            stacklevel=3,
        )
    return presets


def released(bank: Bank, n_anchors: int) -> GeneRAG:
    """Return the published code's settings for a bank: positive, raw counts, image weight 0.75."""
    if bank.encoder is None:
        raise InputError("the released preset weighs images by 0.75: the bank has no embeddings")
    return GeneRAG.released(n_anchors=n_anchors, dim=bank.encoder.own_dim)


def paper(bank: Bank, n_anchors: int) -> GeneRAG:
    """Return Eq. 1 as printed, free sign, with the strength that the published code amounts to."""
    settings = released(bank, n_anchors)
    return GeneRAG.paper(
        strength=settings.strength,
        ridge_share=settings.ridge_share,
        image_weight=settings.image_weight,
        n_anchors=n_anchors,
    )


@dataclass(frozen=True)
class OnScale:
    """A method that predicts on another scale, converted so that its errors can be compared.

    What is converted is no longer the sum of its citations, so these are dropped. Values below 0
    are raised to 0 first: they have no depth, and may have no logarithm.
    """

    method: Predictor
    scale: Scale

    def fit(self, bank: Bank) -> "FittedOnScale":
        """Fit the method."""
        return FittedOnScale(self.scale, self.method.fit(bank))


@dataclass(frozen=True, eq=False)
class FittedOnScale:
    """A fitted method and the scale wanted of it."""

    scale: Scale
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
