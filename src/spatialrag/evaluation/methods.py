"""The rows of an evaluation table: the method, its variants and the controls."""

from dataclasses import dataclass, replace

from spatialrag.bank.bank import Bank
from spatialrag.errors import InputError
from spatialrag.prediction.controls import BackboneOnly, DepthOnly, MeanProfile, Neighbors
from spatialrag.prediction.generag.blend import GeneRAGBlend
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.predictor import Predictor

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
        Row("generag_released_lognorm", released_on_scale(settings, bank, n_core)),
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


def released_on_scale(settings: GeneRAG, bank: Bank, n_core: int) -> GeneRAG:
    """Return the published code's settings on the evaluation's scale.

    On its own scale, raw counts, its errors could not be compared with the others'.
    """
    if bank.encoder is None:
        raise InputError("the released preset weighs images by 0.75: the bank has no embeddings")
    released = GeneRAG.released(n_anchors=n_core, dim=bank.encoder.dim)
    return replace(released, scale=settings.scale, backbone=settings.backbone)
