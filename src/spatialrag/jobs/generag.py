"""GeneRAG as a user states it: a preset, and what differs from it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from spatialrag.bank.bank import Bank
from spatialrag.bank.tuning import BankTuning
from spatialrag.errors import InputError, check_choice
from spatialrag.evaluation.devices import solving_on
from spatialrag.evaluation.methods import PUBLISHED, published
from spatialrag.expression.normalize import Scale
from spatialrag.jobs.devices import Devices
from spatialrag.prediction.backbones.from_file import FromFile, read_names
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.generag.tuning import ImageWeightChosen
from spatialrag.prediction.predictor import Predictor
from spatialrag.retrieval.anchors import RULES, Missing

Preset = Literal["default", "paper", "released", "released_lognorm"]
PUBLISHED_ANCHORS = 300  # core genes, the anchors of the published settings
_SETTINGS = ("image_weight", "strength", "smoothing", "centring", "context_um")
# What a preset predicts unless told otherwise.
_NATIVE_SCALE: dict[str, Scale] = {"released": "counts"}
_DEFAULT_SCALE: Scale = "log1p_cp10k"
_DEFAULT_BACKBONE = "stack"


@dataclass(frozen=True)
class InitialFile:
    """Someone else's predictions, taken as the initial prediction of the anchor genes.

    Parameters
    ----------
    path, scale, genes, spots, samples
        As in `spatialrag.prediction.backbones.FromFile`.
    """

    path: Path
    scale: str = "undeclared"
    genes: Path | None = None
    spots: Path | None = None
    samples: int = 1


@dataclass(frozen=True)
class Retrieval:
    """Settings of GeneRAG as options name them.

    Parameters
    ----------
    preset
        ``default``, or one of the published settings under the names of `loso`'s rows, see
        `spatialrag.evaluation.methods.published`.
    backbone
        Registered name of the initial prediction; that of the preset when None, a stack for the
        default and a linear one for the published settings.
    anchors
        ``variable``, ``coexpressed``, or a file of gene names, one per line.
    missing
        ``raise``, or ``drop`` listed anchors that the bank lacks.
    scale
        Expression scale; the preset's own when None (counts for ``released``).
    image_weight, strength, smoothing, centring, context_um
        As in `GeneRAG`; the default's when None.
    tuned
        Choose the image weight inside the bank, leaving its slides out.
    stored
        Use the settings that `spatialrag bank tune` stored in the bank, where these are of this
        very bank and the preset is the default; what is stated goes before them.
    initial
        Predictions of someone else instead of a backbone.

    Raises
    ------
    InputError
        Options of which one would do nothing, unknown names, an unreadable list of anchors.
    """

    preset: Preset = "default"
    backbone: str | None = None
    anchors: str = "variable"
    missing: Missing = "raise"
    scale: Scale | None = None
    image_weight: float | None = None
    strength: float | None = None
    smoothing: float | None = None
    centring: float | None = None
    context_um: tuple[float, ...] | None = None
    tuned: bool = False
    stored: bool = True
    initial: InitialFile | None = None

    def __post_init__(self) -> None:
        check_choice(self.preset, get_args(Preset), name="preset")
        check_choice(self.missing, get_args(Missing), name="missing")
        if self.preset in PUBLISHED and (self._stated or self.tuned or self.anchors != "variable"):
            options = ", ".join("--" + name.replace("_", "-") for name in _SETTINGS)
            raise InputError(
                f"the preset {self.preset} fixes anchors and all settings of the method",
                fix=f"leave {options}, --anchors and --tune out, or the preset",
            )
        if self.tuned and self.image_weight is not None:
            raise InputError(
                "the image weight is given, and is to be chosen",
                expected="--tune or --image-weight",
            )
        if self.initial is None:
            return
        if self.tuned:
            raise InputError(
                "tuning trains the backbone again without each slide, which --initial cannot be",
                expected="--tune or --initial",
            )
        if self.backbone is not None:
            raise InputError("two initial predictions", expected="--initial or --backbone")

    @property
    def _stated(self) -> dict[str, Any]:
        """What differs from the default's settings, by name."""
        stated = {name: getattr(self, name) for name in _SETTINGS}
        return {name: value for name, value in stated.items() if value is not None}

    @property
    def backbone_name(self) -> str:
        """The registered name of the initial prediction, as stated or the preset's own."""
        return self.backbone or (_DEFAULT_BACKBONE if self.preset == "default" else "linear")

    def settings(self, devices: Devices) -> GeneRAG:
        """Return the default's settings with what differs from it, solved on the devices."""
        if self.initial is not None:
            return replace(self._changed(devices), backbone=self._from_file(self.initial))
        return self._changed(devices)

    def _changed(self, devices: Devices) -> GeneRAG:
        # Someone else's initial prediction needs no image: none has weight unless that is stated.
        weight: dict[str, Any] = {} if self.initial is None else {"image_weight": 0.0}
        default = GeneRAG(
            scale=self.scale or _DEFAULT_SCALE,
            missing=self.missing,
            solver=devices.make_solver(),
            backbone=devices.make_backbone(self.backbone_name),
            anchors=read_anchors(self.anchors),
        )
        return replace(default, **(weight | self._stated))

    def predictor(self, settings: GeneRAG, bank: Bank, devices: Devices) -> Predictor:
        """Return the method to fit on a bank.

        Parameters
        ----------
        settings
            From `settings`, which fails on bad values before a bank is read.
        devices
            Where Eq. 1 is solved.
        bank
            References: published settings take their strength from its embeddings.
        """
        if self.preset == "default":
            settings = replace(settings, **self.choice_of(bank))
            return ImageWeightChosen(settings) if self.tuned else settings
        method = published(
            self.preset,
            bank,
            n_core=PUBLISHED_ANCHORS,
            scale=self.scale or _NATIVE_SCALE.get(self.preset, _DEFAULT_SCALE),
            backbone=settings.backbone,
        )
        return solving_on(method, devices.make_solver().device)

    def tuning_of(self, bank: Bank) -> BankTuning | None:
        """Return what tuning found of a bank, where it was this method that was tuned.

        Parameters
        ----------
        bank
            The references, after all exclusions.
        """
        default = self.preset == "default" and self.initial is None and self.backbone is None
        return bank.valid_tuning if default and self.stored else None

    def choice_of(self, bank: Bank) -> dict[str, Any]:
        """Return the settings that tuning stored in a bank and that nothing stated overrides.

        Parameters
        ----------
        bank
            The references, after all exclusions.
        """
        tuning = self.tuning_of(bank)
        if tuning is None:
            return {}
        stated = {*self._stated, *(["anchors"] if self.anchors != "variable" else [])}
        return {name: value for name, value in tuning.choice.items() if name not in stated}

    @staticmethod
    def _from_file(file: InitialFile) -> FromFile:
        return FromFile(
            file.path,
            scale=file.scale,
            genes=file.genes,
            spots=file.spots,
            samples=file.samples,
        )


def read_anchors(anchors: str) -> str | list[str]:
    """Return the rule by which anchor genes are chosen, or the genes that a file lists.

    Raises
    ------
    InputError
        Neither a rule nor a file.
    """
    if anchors in RULES:
        return anchors
    if not Path(anchors).is_file():
        raise InputError(
            "unknown anchor genes",
            expected=f"one of {', '.join(RULES)}, or a file of names, one per line",
            got=repr(anchors),
        )
    return read_names(anchors)
