"""Units of work: one fold and one group of methods that share what was trained."""

import json
import time
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from spatialrag.bank.bank import Bank
from spatialrag.cells.cell_bank import CellBank
from spatialrag.encoders.tiles import Tiles
from spatialrag.evaluation.columns import ORACLE
from spatialrag.evaluation.devices import solved_on
from spatialrag.evaluation.loso import loso, references_for
from spatialrag.evaluation.methods import PUBLISHED, Row, published, standard_rows
from spatialrag.evaluation.panel import fix_panel
from spatialrag.evaluation.report import finite
from spatialrag.expression.proportions import Proportions
from spatialrag.file_names import file_name
from spatialrag.locks import locked
from spatialrag.prediction.backbones.backbone import (
    Backbone,
    NetworkBackbone,
    TiledBackbone,
    with_fitting,
)
from spatialrag.prediction.controls import BackboneOnly
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.generag.tuning import ImageWeightChosen
from spatialrag.prediction.predictor import Predictor
from spatialrag.provenance import fingerprint, plain
from spatialrag.replace import replace_text
from spatialrag.workflow.networks import CachedBackbone
from spatialrag.workflow.recipe import Recipe

if TYPE_CHECKING:
    from spatialrag.prediction.ragst.ragst import RAGST, ReferenceKind

CONTROLS = ("depth_only", "mean_profile", "neighbors", "ridge_all")
PRESET_LABELS = {"default": "generag", "tuned": "tuned"} | {name: name for name in PUBLISHED}
_PRECISION = 4


@dataclass(frozen=True)
class Unit:
    """One fold and one group of methods.

    Parameters
    ----------
    encoder, leave, slide
        The fold.
    group
        A backbone's name, ``controls`` or ``ragst``.
    seed
        Seed of what is drawn.
    """

    encoder: str
    leave: str
    slide: str
    group: str
    seed: int = 0

    @property
    def name(self) -> str:
        """Of its file."""
        kind = self.encoder.split(":")[0] + "-" + fingerprint(self.encoder)[:4]
        return file_name(f"{kind}-{self.leave}-{self.slide}-{self.group}-{self.seed}")


def plan(recipe: Recipe, slides: list[str]) -> list[Unit]:
    """Return all units of a recipe, the longest kinds first."""
    test = list(recipe.cohort.test or slides)
    groups = [(name, seed) for name in recipe.methods.backbones for seed in _seeds(recipe, name)]
    groups.sort(key=lambda pair: pair[0] != "stem")
    groups += [("controls", 0)] + [("ragst", 0)] * (recipe.ragst is not None)
    return [
        Unit(encoder, leave, slide, name, seed)
        for name, seed in groups
        for encoder in recipe.embedding.encoders
        for leave in recipe.evaluation.leave
        for slide in test
    ]


def _seeds(recipe: Recipe, name: str) -> tuple[int, ...]:
    draws = isinstance(recipe.backbone(name), NetworkBackbone)
    return recipe.methods.seeds if draws else recipe.methods.seeds[:1]


@dataclass(frozen=True, eq=False)
class ExperimentInputs:
    """What units are run on.

    Parameters
    ----------
    recipe
        Recipe of the experiment.
    bank
        All slides, embedded.
    tiles
        Tiles of their patches, where the recipe asks for them.
    cells, proportions
        For RAG-ST.
    device
        Where networks are trained and retrieval is solved; it is no part of a unit's name.
    """

    recipe: Recipe
    bank: Bank
    tiles: Tiles | None = None
    cells: CellBank | None = None
    proportions: Proportions | None = None
    device: str = "cpu"


def run_unit(unit: Unit, material: ExperimentInputs, out: Path) -> Path:
    """Run a unit unless its result is in ``out/units``, and return the result's file.

    Of two processes that come to the same unit, one waits for the other and takes its result.

    Raises
    ------
    InputError
        The result cannot be written.
    """
    path = out / "units" / f"{unit.name}-{_key(unit, material)[:12]}.json"
    if path.exists():
        return path
    with locked(path, wait=None):
        if not path.exists():
            _run(unit, material, out, path)
    return path


def _run(unit: Unit, material: ExperimentInputs, out: Path, path: Path) -> None:
    started = time.perf_counter()
    references = references_for(material.bank, unit.slide, leave=unit.leave)
    rows, facts = _rows(unit, material, references, out / "networks")
    evaluation = material.recipe.evaluation
    report = loso(
        material.bank,
        settings=GeneRAG(scale=evaluation.scale),
        rows=solved_on(rows, material.device),
        leave=unit.leave,
        slides=[unit.slide],
        n_core=evaluation.n_core,
        n_global=evaluation.n_global,
        above_null=[*(row.name for row in rows), ORACLE],
    )
    found = report.slides[unit.slide]
    # The controls' unit has what all units share.
    shared = (
        {"null_smooth"}
        if unit.group == "controls"
        else {"null_smooth", "null", ORACLE, "noise_ceiling"}
    )
    found = {name: entry for name, entry in found.items() if name not in shared}
    record = {
        "unit": plain(unit),
        "facts": facts,
        "seconds": time.perf_counter() - started,
        "rows": {name: _plain_row(entry) for name, entry in found.items()},
    }
    replace_text(path, json.dumps(finite(record)) + "\n")


def _key(unit: Unit, material: ExperimentInputs) -> str:
    """Return what decides a unit's result: data, fold, methods and their settings, version."""
    recipe = material.recipe
    if unit.group == "ragst":
        given = "deconvolved" if material.proportions is None else material.proportions.fingerprint
        stated = replace(recipe.ragst, cells="", proportions="") if recipe.ragst else None
        cells = "" if material.cells is None else material.cells.fingerprint
        settings: object = (cells, given, plain(stated))
    elif unit.group == "controls":
        settings = [plain(row.method) for row in _controls(material)]
    else:
        # Each preset by what it is, not by its name: a preset that changes is another result.
        over = [
            plain(_over(preset, recipe, material.bank, backbone=unit.group, trained=unit.group))
            for preset in recipe.methods.generag
        ]
        every = unit.group in recipe.methods.on_all_genes
        settings = (plain(_settings(unit, material)), over, every)
    decisive = (plain(unit), plain(recipe.evaluation), settings, version("spatialrag"))
    return fingerprint(material.bank.fingerprint, *map(str, decisive))


def _settings(unit: Unit, material: ExperimentInputs) -> Backbone:
    settings = material.recipe.backbone(unit.group)
    if not isinstance(settings, NetworkBackbone):
        return settings
    settings = with_fitting(settings, replace(settings.fitting, seed=unit.seed))
    if not isinstance(settings, TiledBackbone):
        return settings
    return settings.with_tiles(material.tiles)


def _rows(
    unit: Unit, material: ExperimentInputs, references: Bank, networks: Path
) -> tuple[list[Row], dict[str, Any]]:
    if unit.group == "controls":
        return _controls(material), {}
    if unit.group == "ragst":
        return [Row("ragst", _ragst(material))], {}
    return _backbone_rows(unit, material, references, networks)


def _ragst(material: ExperimentInputs) -> "RAGST":
    from spatialrag.prediction.ragst.generator import Generator
    from spatialrag.prediction.ragst.ragst import RAGST

    given, cells = material.recipe.ragst, material.cells
    if given is None or cells is None:
        raise AssertionError("RAG-ST is planned where single cells are given")
    default = Generator()
    generator = replace(
        default,
        n_retrieved=given.n_retrieved,
        training=replace(default.training, epochs=given.steps),
        device=material.device,
    )
    return RAGST(
        cells,
        material.proportions,
        references=cast("ReferenceKind", given.references),
        residual_share=given.residual_share,
        generator=generator,
    )


def _controls(material: ExperimentInputs) -> list[Row]:
    evaluation = material.recipe.evaluation
    settings = GeneRAG(scale=evaluation.scale, backbone="linear", centring=0.0)
    rows = standard_rows(settings, material.bank, n_core=evaluation.n_core)
    return [row for row in rows if row.name in CONTROLS]


def _backbone_rows(
    unit: Unit, material: ExperimentInputs, references: Bank, networks: Path
) -> tuple[list[Row], dict[str, Any]]:
    """Return the backbone alone, GeneRAG over it in every preset, and the backbone on all genes.

    Published settings on raw counts need initial predictions of counts, which a backbone trained on
    another scale does not give: it is trained once more, on counts.
    """
    recipe, scale = material.recipe, material.recipe.evaluation.scale
    measured = material.bank.select([unit.slide])
    panel = fix_panel(
        references,
        measured.genes[measured.measured_everywhere],
        n_core=recipe.evaluation.n_core,
        n_global=recipe.evaluation.n_global,
    )
    core = panel.genes[: panel.n_core]
    backbone = CachedBackbone(unit.group, _settings(unit, material), networks, material.device)
    started = time.perf_counter()
    trained = backbone.fit(references, core, scale=scale)
    facts = {"train_seconds": time.perf_counter() - started}
    facts |= {"epochs": trained.epochs} if hasattr(trained, "epochs") else {}
    rows = [Row(unit.group, BackboneOnly(trained, None, scale), groups=("core",))]
    for preset in recipe.methods.generag:
        known = trained
        if preset == "released" and scale != "counts":
            known = backbone.fit(references, core, scale="counts")
        method = _over(preset, recipe, material.bank, backbone=backbone, trained=known)
        rows.append(Row(f"{unit.group}+{PRESET_LABELS[preset]}", method))
    if unit.group in recipe.methods.on_all_genes:
        every = backbone.fit(references, panel.genes, scale=scale)
        rows.append(Row(f"{unit.group}_all", BackboneOnly(every, None, scale)))
    return rows, facts


def _over(
    preset: str,
    recipe: Recipe,
    bank: Bank,
    *,
    backbone: Any,
    trained: Any,
) -> Predictor:
    """Return GeneRAG in a preset over a trained backbone, or one that is trained without a slide.

    Parameters
    ----------
    backbone
        To train, for the preset that leaves reference slides out.
    trained
        The same, trained on all references.
    """
    scale, n_core = recipe.evaluation.scale, recipe.evaluation.n_core
    if preset in PUBLISHED:
        return published(preset, bank, n_core=n_core, scale=scale, backbone=trained)
    # A backbone trained once for every preset reads slides as they are, and so does its retrieval.
    default = GeneRAG(scale=scale, n_anchors=n_core, centring=0.0)
    if preset == "tuned":
        return ImageWeightChosen(replace(default, backbone=backbone), trained)
    return replace(default, backbone=trained)


def _plain_row(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a row's scores; of genes, names, correlations and whether they are core."""
    kept = {key: value for key, value in entry.items() if key != "per_gene"}
    table = entry.get("per_gene")
    if table is not None:
        kept["genes"] = table.index.tolist()
        kept["pearson"] = np.round(table["pearson"].to_numpy(float), _PRECISION).tolist()
        kept["is_core"] = table["core"].astype(int).tolist()
    return kept
