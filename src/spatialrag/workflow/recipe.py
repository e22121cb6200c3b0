"""Recipes: one TOML file says what an experiment compares."""

import dataclasses
import difflib
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spatialrag.encoders.embedding import CONTEXT
from spatialrag.errors import InputError, raise_all
from spatialrag.evaluation.loso import check_leave
from spatialrag.evaluation.methods import PUBLISHED
from spatialrag.expression.normalize import Scale, check_scale
from spatialrag.prediction.backbones.backbone import Backbone
from spatialrag.registry import backbones
from spatialrag.workflow.backbones import configured

SCHEMA = 1
PRESETS = ("default", "tuned", *PUBLISHED)


@dataclass(frozen=True)
class Cohort:
    """Which slides; one of ``her2st``, ``hest`` and ``table`` is given.

    Parameters
    ----------
    her2st, hest
        Folder of a HER2ST clone or of HEST-1k, relative to the data folder.
    table
        A ``slides.csv``.
    slides
        Only these; all by default.
    test
        Test slides; all by default. The others are references alone.
    """

    her2st: str = ""
    hest: str = ""
    table: str = ""
    slides: tuple[str, ...] = ()
    test: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if sum(bool(given) for given in (self.her2st, self.hest, self.table)) != 1:
            raise InputError("which slides?", expected="one of her2st, hest and table")
        if self.slides and set(self.test) - set(self.slides):
            raise InputError(
                "test slides that are not in the cohort",
                got=", ".join(sorted(set(self.test) - set(self.slides))),
            )


@dataclass(frozen=True)
class Embedding:
    """How patches are embedded.

    Parameters
    ----------
    encoders
        As `spatialrag embed` takes them; files relative to the data folder.
    patch_um, context
        As in `spatialrag.embed`.
    tiles
        Tiles along a side of the patch for backbones that look within it (DeepSpot, TRIPLEX); 0
        for none. Encodes tiles² patches more per spot.
    """

    encoders: tuple[str, ...] = ("color",)
    patch_um: float | None = None
    context: int = CONTEXT
    tiles: int = 0

    def __post_init__(self) -> None:
        if self.tiles < 0:
            raise InputError("tiles must be 0 or more", got=str(self.tiles))


@dataclass(frozen=True)
class Evaluation:
    """Folds and genes.

    Parameters
    ----------
    leave
        ``slide``, ``donor`` or both.
    scale
        Expression scale of everything.
    n_core, n_global
        Sizes of the panels; backbones are trained on the core genes.
    """

    leave: tuple[str, ...] = ("slide",)
    scale: Scale = "log1p_cp10k"
    n_core: int = 300
    n_global: int = 5000

    def __post_init__(self) -> None:
        for leave in self.leave:
            check_leave(leave)
        check_scale(self.scale)


@dataclass(frozen=True)
class Methods:
    """What is compared.

    Parameters
    ----------
    backbones
        Registered names.
    on_all_genes
        Those that are trained on all global genes as well.
    generag
        Presets over each backbone: ``default``, ``tuned`` (image weight chosen on the references of
        each fold, see `ImageWeightChosen`), and ``paper``, ``released``, ``released_lognorm``, see
        `spatialrag.evaluation.methods.published`.
    seeds
        Seeds of backbones that draw; the others run once.
    """

    backbones: tuple[str, ...] = ("linear",)
    on_all_genes: tuple[str, ...] = ("linear",)
    generag: tuple[str, ...] = ("default",)
    seeds: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        for name in (*self.backbones, *self.on_all_genes):
            if name == "from_file":
                raise InputError("from_file is not trained: use `spatialrag predict --initial`")
            backbones.get(name)
        unknown = set(self.generag) - set(PRESETS)
        if unknown:
            raise InputError(
                f"unknown presets {', '.join(sorted(unknown))}",
                expected=f"of {', '.join(PRESETS)}",
            )
        if not self.seeds or not self.backbones:
            raise InputError("an experiment needs at least one backbone and one seed")


@dataclass(frozen=True)
class SingleCell:
    """What RAG-ST needs; absent, it does not run.

    Parameters
    ----------
    cells
        An h5ad with counts and types, or a built store, relative to the data folder.
    type_column, type_map
        As in `spatialrag cells build`.
    proportions
        A table; for HER2ST its published ones by default, else deconvolved.
    references, n_retrieved, residual_share, steps
        As in `spatialrag ragst fit`.
    """

    cells: str
    type_column: str = "cell_type"
    type_map: str = ""
    proportions: str = ""
    references: str = "cells"
    n_retrieved: int = 64
    residual_share: float = 0.2
    steps: int = 250


@dataclass(frozen=True)
class Recipe:
    """An experiment.

    Parameters
    ----------
    title
        Title of the report.
    cohort, embedding, evaluation, methods
        The recipe's tables of these names.
    ragst
        Single cells for RAG-ST, or None.
    backbones
        What differs from a backbone's defaults, by its name: ``preset = "published"``, and any of
        its settings, see `spatialrag.workflow.backbones.configured`.

    Examples
    --------
    >>> from spatialrag.workflow.recipe import read_recipe
    >>> read_recipe("recipes/toy.toml").evaluation.leave  # doctest: +SKIP
    ('slide',)
    """

    title: str
    cohort: Cohort
    embedding: Embedding = field(default_factory=Embedding)
    evaluation: Evaluation = field(default_factory=Evaluation)
    methods: Methods = field(default_factory=Methods)
    ragst: SingleCell | None = None
    backbones: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unused = set(self.backbones) - set(self.methods.backbones)
        if unused:
            raise InputError(
                f"settings of backbones that the recipe does not run: {', '.join(sorted(unused))}",
                expected=f"of {', '.join(self.methods.backbones)}",
            )
        for name in self.backbones:
            self.backbone(name)

    def backbone(self, name: str) -> Backbone:
        """Return a backbone with the settings that the recipe states."""
        return configured(name, self.backbones.get(name, {}))


_SECTIONS = {
    "cohort": Cohort,
    "embedding": Embedding,
    "evaluation": Evaluation,
    "methods": Methods,
    "ragst": SingleCell,
}


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe.

    Raises
    ------
    InputError
        Not TOML, another schema, or unknown and missing keys, all named with the nearest match.

    Examples
    --------
    >>> read_recipe("recipes/toy.toml").title  # doctest: +SKIP
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"the recipe {path} does not exist", fix="check the path")
    try:
        record = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not TOML", got=str(error)) from error
    if record.pop("schema", None) != SCHEMA:
        raise InputError(f"{path} is a recipe of another schema", expected=f"schema = {SCHEMA}")
    faults = _unknown(record, Recipe, "")
    for name, kind in _SECTIONS.items():
        faults += _unknown(record.get(name, {}), kind, f"[{name}] ")
    faults += [f"{name} is missing" for name in ("title", "cohort") if name not in record]
    raise_all(faults, subject=str(path))
    made = {
        name: _make(_SECTIONS[name], value) if name in _SECTIONS else value
        for name, value in record.items()
    }
    return Recipe(**made)


def _unknown(values: dict[str, Any], kind: type, where: str) -> list[str]:
    known = [each.name for each in dataclasses.fields(kind)]
    faults = []
    for key in values:
        if key not in known:
            nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else f"; known: {', '.join(known)}"
            faults.append(f"{where}unknown key {key!r}{hint}")
    return faults


def _make(kind: type, values: dict[str, Any]) -> Any:
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
