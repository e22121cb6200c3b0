"""Train RAG-ST on a spatial bank and single cells, and predict slides with it."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from spatialrag.bank.bank import Bank
from spatialrag.bank.store import read_bank
from spatialrag.errors import InputError
from spatialrag.explanation.types import attention_by_type
from spatialrag.jobs.cells import GivenProportions, SingleCells
from spatialrag.jobs.devices import Devices
from spatialrag.jobs.outputs import check_outputs, write_json
from spatialrag.jobs.prediction import PredictRequest, PredictResult, finish, run
from spatialrag.prediction.predictor import FittedPredictor

if TYPE_CHECKING:
    from spatialrag.cells.cell_bank import CellBank
    from spatialrag.prediction.ragst.ragst import FittedRAGST


@dataclass(frozen=True, eq=False)
class FitRequest:
    """What both stages of RAG-ST are trained on, and where the model is written.

    Parameters
    ----------
    bank
        The spatial bank, with embeddings.
    cells
        Single-cell references.
    out
        The model, ``.safetensors``.
    proportions
        Where someone has the training spots' cell-type proportions.
    references
        What is cited: cells, spots or both.
    n_retrieved
        References per spot.
    residual_share
        Largest share of the variance that rests on no citation.
    steps
        Training steps of attention.
    seed
        Seed of everything that is drawn.
    devices
        Where attention is trained.
    checkpoint
        File that training resumes from and is kept in.
    without_slides, without_donors
        References that are not trained on.
    json
        Facts to write as JSON.
    overwrite
        Replace files that exist.
    """

    bank: Path
    cells: SingleCells
    out: Path
    proportions: GivenProportions = field(default_factory=GivenProportions)
    references: Literal["cells", "spots", "both"] = "cells"
    n_retrieved: int = 64
    residual_share: float = 0.2
    steps: int = 250
    seed: int = 0
    devices: Devices = field(default_factory=Devices)
    checkpoint: Path | None = None
    without_slides: tuple[str, ...] = ()
    without_donors: tuple[str, ...] = ()
    json: Path | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.out.suffix != ".safetensors":
            raise InputError(
                f"{self.out.name} is not a model", expected="a name that ends in .safetensors"
            )


def fit(request: FitRequest) -> tuple[dict[str, object], tuple[str, ...]]:
    """Train and write a model; return its facts and what is to be said of its inputs.

    Raises
    ------
    InputError
        Before any training: outputs that cannot be written, files that cannot be read.
    MissingDependencyError
        torch is not installed.
    """
    from spatialrag.prediction.ragst.generator import Generator
    from spatialrag.prediction.ragst.ragst import RAGST
    from spatialrag.prediction.ragst.store import write_ragst

    read = (request.bank, request.cells.path, request.proportions.path)
    check_outputs(request.out, request.json, overwrite=request.overwrite, inputs=read)
    bank = read_bank(request.bank).without(
        slides=request.without_slides, donors=request.without_donors
    )
    cells = request.cells.read()
    generator = Generator(
        n_retrieved=request.n_retrieved,
        training=replace(Generator().training, epochs=request.steps),
        seed=request.seed,
        device=request.devices.everywhere,
    )
    settings = RAGST(
        cells,
        request.proportions.read(list(bank.slides.index)),
        references=request.references,
        residual_share=request.residual_share,
        generator=generator,
    )
    fitted = settings.fit(bank, checkpoint=request.checkpoint)
    write_ragst(fitted, request.out)
    facts = _facts(fitted, cells)
    write_json(request.json, facts)
    return facts, request.cells.notes + request.proportions.notes


def _facts(fitted: "FittedRAGST", cells: "CellBank") -> dict[str, object]:
    stage = fitted.stage
    return {
        "training_spots": len(stage.rows),
        "spots_without_proportions": stage.n_without,
        "proportions": stage.proportions_from,
        "types": stage.head.types.tolist(),
        "types_without_cells": stage.types_without_cells(cells),
        "temperature": stage.head.temperature,
        "references": len(fitted.generator.pool.table),
        "genes": len(fitted.generator.pool.genes),
        "platform_prior": stage.platform.prior,
    }


@dataclass(frozen=True, eq=False)
class _Trained:
    """A method that is fitted already."""

    fitted: "FittedRAGST"

    def fit(self, bank: Bank) -> FittedPredictor:  # noqa: ARG002  (what it was trained on)
        return self.fitted


def predict(
    request: PredictRequest, model: Path, cells: SingleCells, *, residual: bool = True
) -> PredictResult:
    """Predict a slide's spots, citing cells, with the banks that the model was trained on.

    Parameters
    ----------
    request
        As for every method; its ``method`` is not read.
    model
        What `fit` wrote.
    cells
        As they were given to `fit`.
    residual
        Whether what rests on no citation is added.

    Raises
    ------
    InputError
        Other banks than those trained on, and what every prediction refuses.
    """
    from spatialrag.prediction.ragst.store import read_ragst

    read = (model, request.bank, cells.path, request.queries.spots, request.queries.image)
    check_outputs(request.out, request.json, overwrite=request.overwrite, inputs=read)
    bank = read_bank(request.bank) if isinstance(request.bank, Path) else request.bank
    fitted = read_ragst(model, bank=bank, cells=cells.read(), device=request.devices.everywhere)
    if not residual:
        fitted = fitted.without_residual()
    prediction, notes = run(request, fitted.bank, _Trained(fitted), trained=True)
    facts = {
        "uncited_share": prediction.uncited_share,
        "attention": attention_by_type(prediction).mean().round(4).to_dict(),
    }
    return finish(request, prediction, facts, notes + cells.notes)
