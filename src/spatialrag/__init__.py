"""From an H&E slide to a cited transcriptome.

Names below are resolved on first use, so that ``import spatialrag`` stays light.
"""

from importlib import import_module

_PUBLIC = {
    "GeneRAG": "spatialrag.prediction.generag",
    "Prediction": "spatialrag.prediction.prediction",
    "Bank": "spatialrag.bank.bank",
    "Problem": "spatialrag.solvers.problem",
    "Section": "spatialrag.expression.section",
    "SemST": "spatialrag.domains.semst.semst",
    "Tissue": "spatialrag.domains.tissue",
    "CellBank": "spatialrag.cells.cell_bank",
    "Proportions": "spatialrag.expression.proportions",
    "RAGST": "spatialrag.prediction.ragst.ragst",
    "WorkingSet": "spatialrag.solvers.working_set",
    "attention_by_type": "spatialrag.explanation.types",
    "build_bank": "spatialrag.bank.build",
    "carriers": "spatialrag.explanation.types",
    "cells_from_anndata": "spatialrag.cells.build",
    "cells_from_census": "spatialrag.cells.census",
    "cells_from_profiles": "spatialrag.cells.build",
    "deconvolve": "spatialrag.cells.deconvolve",
    "embed": "spatialrag.encoders.embed",
    "compare_domains": "spatialrag.evaluation.domains",
    "evaluate": "spatialrag.evaluation.scores",
    "explain": "spatialrag.explanation.explanation",
    "fix_panel": "spatialrag.evaluation.panel",
    "join_cells": "spatialrag.cells.build",
    "loso": "spatialrag.evaluation.loso",
    "load_encoder": "spatialrag.encoders.load",
    "make_toy": "spatialrag.toy",
    "open_bank": "spatialrag.bank.store",
    "open_cells": "spatialrag.cells.store",
    "open_design": "spatialrag.solvers.stored",
    "open_slide": "spatialrag.slides.slide",
    "read_cohort": "spatialrag.expression.cohort",
    "read_hest_cohort": "spatialrag.expression.hest",
    "read_section": "spatialrag.expression.read",
    "read_prediction": "spatialrag.prediction.store",
    "read_proportions": "spatialrag.expression.proportions",
    "tune": "spatialrag.prediction.generag.tuning",
    "write_bank": "spatialrag.bank.store",
    "write_cells": "spatialrag.cells.store",
    "write_design": "spatialrag.solvers.stored",
    "write_prediction": "spatialrag.prediction.store",
}
_MODULES = {
    "pp": "spatialrag.plots.pp",
    "tl": "spatialrag.plots.tl",
    "pl": "spatialrag.plots.pl",
    "registry": "spatialrag.registry",
}

__all__ = sorted([*_PUBLIC, *_MODULES])  # noqa: PLE0605  (the two tables are the list)


def __getattr__(name: str) -> object:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    if name in _MODULES:
        return import_module(_MODULES[name])
    raise AttributeError(f"module 'spatialrag' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
