"""The table of verbs: name, where it is, and its line in ``spatialrag --help``."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Verb:
    """One verb of the command.

    Parameters
    ----------
    name
        As it is typed.
    help
        The first paragraph of its own help, in one line.
    attribute
        What its module ``spatialrag.cli.<name>`` calls it: ``app`` for a group of verbs, and its
        name for a single one.
    """

    name: str
    help: str
    attribute: str

    def load(self) -> Any:
        """Import its module and return it."""
        return getattr(import_module(f"spatialrag.cli.{self.name}"), self.attribute)


def _single(name: str, help_line: str) -> Verb:
    return Verb(name, help_line, name)


def _group(name: str, help_line: str) -> Verb:
    return Verb(name, help_line, "app")


VERBS = (
    _single("demo", "Run the main job end to end on a generated toy tissue."),
    _single(
        "doctor", "Tell what is installed, which parts are available, and what the machine offers."
    ),
    _single("embed", "Embed the spots of slides: arrays 'embeddings' (n, dim) and 'barcodes'."),
    _single(
        "predict", "Predict the whole transcriptome of a slide's spots from a bank, with citations."
    ),
    _single(
        "explain",
        "Tell what a predicted value rests on: groups of references that look alike, and each.",
    ),
    _single(
        "evaluate",
        "Score a prediction against measured counts, beside measured depth and random smooth maps.",
    ),
    _single(
        "loso",
        "Leave one slide (or donor) out: predict it from the others, beside every control.",
    ),
    _single("domains", "Find spatial domains of spots; annotations are for scoring alone."),
    _group("bank", "Build, look at, change and check banks."),
    _group("cells", "Single-cell banks: build, look at, change, check, deconvolve."),
    _group("ragst", "RAG-ST: cell types and single-cell references to expression."),
    _group("datasets", "Cohorts with H&E and expression, and the single cells that go with them."),
    _group("encoders", "Published encoders, and how each is loaded."),
    _group("experiment", "Compare encoders, backbones and GeneRAG as a recipe says."),
    _group("methods", "Methods, backbones, controls and solvers: what each is for."),
)
