"""The one plug-in mechanism: a name leads to ``module:attribute``.

Built-in parts are listed here as strings, so that looking one up imports only that part. Third
parties add theirs through entry points of the group ``spatialrag.<point>``::

    [project.entry-points."spatialrag.encoders"]
    my_encoder = "my_package.encoder:MyEncoder"
"""

import difflib
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoints, entry_points
from typing import Any

from spatialrag.errors import InputError, MissingDependencyError


@dataclass(frozen=True)
class Registry:
    """Names of one plug-in point (encoders, backbones, …) and where their parts live.

    Parameters
    ----------
    point
        In plural.
    builtin
        Name to ``module:attribute``.
    extra
        Name of the optional dependencies that some built-in parts need.
    """

    point: str
    builtin: dict[str, str] = field(default_factory=dict)
    extra: str = ""

    def names(self) -> list[str]:
        """Return every known name, built-in and from entry points, sorted."""
        return sorted({*self.builtin, *(point.name for point in self._entry_points())})

    def get(self, name: str) -> Any:
        """Return the part registered under ``name``.

        Raises
        ------
        InputError
            The name is unknown; the message offers the nearest known name.
        MissingDependencyError
            The part needs a package that is not installed.
        """
        if name in self.builtin:
            return self._load(name)
        for point in self._entry_points():
            if point.name == name:
                return point.load()
        nearest = difflib.get_close_matches(name, self.names(), n=1, cutoff=0.5)
        raise InputError(
            f"no {self.point.rstrip('s')} is called {name!r}",
            expected=f"one of {', '.join(self.names())}",
            fix=f"did you mean {nearest[0]!r}?" if nearest else "",
        )

    def _load(self, name: str) -> Any:
        module, _, attribute = self.builtin[name].partition(":")
        try:
            return getattr(import_module(module), attribute)
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if not self.extra or package in ("", "spatialrag"):
                raise
            needed_for = f"the {self.point.rstrip('s')} {name!r}"
            raise MissingDependencyError(
                package, extra=self.extra, needed_for=needed_for
            ) from error

    def _entry_points(self) -> EntryPoints:
        return entry_points(group=f"spatialrag.{self.point}")


PUBLISHED_ENCODERS = (
    "resnet50", "vit-base", "uni", "uni2-h", "conch", "conch-v1.5", "virchow", "virchow2",
    "gigapath", "h-optimus-0", "h-optimus-1", "h0-mini", "phikon", "phikon-v2", "hibou",
    "exaone-path-2.5", "ctranspath", "omiclip", "threads",
)  # fmt: skip
encoders = Registry(
    "encoders",
    {
        **{name: f"spatialrag.encoders.load:{name}" for name in PUBLISHED_ENCODERS},
        "dihedral": "spatialrag.encoders.dihedral:from_spec",
        "color": "spatialrag.encoders.color:from_spec",
        "onnx": "spatialrag.encoders.onnx:from_spec",
        "precomputed": "spatialrag.encoders.precomputed:from_spec",
    },
)
backbones = Registry(
    "backbones",
    {
        "linear": "spatialrag.prediction.backbones.linear:Linear",
        "stack": "spatialrag.prediction.backbones.stack.stack:Stack",
        "from_file": "spatialrag.prediction.backbones.from_file:FromFile",
        "probe": "spatialrag.prediction.backbones.probe:Probe",
        "histogene": "spatialrag.prediction.backbones.histogene.histogene:HisToGene",
        "bleep": "spatialrag.prediction.backbones.bleep.bleep:BLEEP",
        "triplex": "spatialrag.prediction.backbones.triplex.triplex:TRIPLEX",
        "stem": "spatialrag.prediction.backbones.stem.stem:Stem",
        "deepspot": "spatialrag.prediction.backbones.deepspot.deepspot:DeepSpot",
    },
    extra="torch",
)
solvers = Registry(
    "solvers",
    {
        "working_set": "spatialrag.solvers.working_set:WorkingSet",
        "fista": "spatialrag.solvers.fista:Fista",
        "reference": "spatialrag.solvers.reference:CoordinateDescent",
    },
)
expression_readers = Registry(
    "expression_readers",
    {
        "her2st": "spatialrag.expression.her2st:read_her2st_section",
        "hest": "spatialrag.expression.hest:read_hest_section",
        "visium": "spatialrag.expression.visium:read_visium",
        "h5ad": "spatialrag.expression.h5ad:read_h5ad",
        "table": "spatialrag.expression.table:read_table",
    },
)
slide_readers = Registry(
    "slide_readers",
    {
        "pillow": "spatialrag.slides.pillow_slide:PillowSlide",
        "openslide": "spatialrag.slides.openslide_slide:OpenSlideSlide",
        "tifffile": "spatialrag.slides.tiff_slide:TiffSlide",
        "patches": "spatialrag.slides.patch_slide:PatchSlide",
    },
)
embedders = Registry(
    "embedders",
    {
        "endpoint": "spatialrag.semantics.endpoint:from_spec",
        "language_model": "spatialrag.semantics.language_model:from_spec",
        "embedding_model": "spatialrag.semantics.language_model:embedding_from_spec",
        "sentence_transformers": "spatialrag.semantics.sentence:from_spec",
        "minilm": "spatialrag.semantics.sentence:minilm",
    },
)
