"""Leave one slide or donor out of a cohort: every method beside every control."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from spatialrag.bank.bank import Bank
from spatialrag.bank.build import build_bank
from spatialrag.bank.store import read_bank
from spatialrag.encoders.embedding import CONTEXT
from spatialrag.encoders.encoder import Encoder
from spatialrag.errors import InputError, listing
from spatialrag.evaluation.devices import solved_on
from spatialrag.evaluation.loso import check_leave, loso
from spatialrag.evaluation.methods import Row, image_weight_rows, ragst_rows, standard_rows
from spatialrag.evaluation.report import Report
from spatialrag.jobs.cells import GivenProportions, SingleCells
from spatialrag.jobs.devices import Devices
from spatialrag.jobs.generag import Retrieval
from spatialrag.jobs.outputs import check_outputs
from spatialrag.jobs.slides import Slides, notes_of
from spatialrag.metrics.biology import read_gmt


@dataclass(frozen=True, eq=False)
class LeaveOneOutRequest:
    """A cohort, the methods, and the genes that are scored.

    Parameters
    ----------
    cohort
        Slides to embed, a bank with embeddings, or one in memory.
    encoder, patch_um, context, cache
        As in `spatialrag.build_bank`, where slides are embedded; its own context when None.
    leave
        ``slide``, or ``donor``: then no section of the test slide's donor is a reference.
    retrieval
        GeneRAG's settings; the published presets are rows of their own.
    tuned
        Add a row whose image weight and strength are chosen inside each fold.
    image_weights
        Add a row for each of these image weights.
    cells
        Single-cell references: RAG-ST's rows are added.
    proportions
        For RAG-ST.
    n_core, n_global
        Panel sizes, see `spatialrag.fix_panel`.
    gmt
        Gene sets to score per spot.
    devices
        Where networks run and Eq. 1 is solved.
    json
        Scores to write as JSON; a Markdown table and a table per gene go beside it.
    overwrite
        Replace files that exist.
    """

    cohort: Slides | Path | Bank
    encoder: str | Encoder = "color"
    patch_um: float | None = None
    context: int | None = None
    cache: Path | None = None
    leave: Literal["slide", "donor"] = "slide"
    retrieval: Retrieval = field(default_factory=Retrieval)
    tuned: bool = False
    image_weights: tuple[float, ...] = ()
    cells: SingleCells | None = None
    proportions: GivenProportions = field(default_factory=GivenProportions)
    n_core: int = 300
    n_global: int = 5000
    gmt: Path | None = None
    devices: Devices = field(default_factory=Devices)
    json: Path | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_leave(self.leave)
        if self.context and self.retrieval.context_um:
            raise InputError(
                "two contexts: the nearest spots, and rings",
                expected="--context or --context-um",
                got=f"--context {self.context} and {listing(self.retrieval.context_um)} µm",
            )
        if self.json is not None and self.json.suffix != ".json":
            raise InputError(f"{self.json.name} is not JSON", expected="a name that ends in .json")


def leave_one_out(request: LeaveOneOutRequest) -> tuple[Report, tuple[str, ...]]:
    """Return the scores of every fold and row, and what is to be said of how they were made.

    Raises
    ------
    InputError
        Before anything is embedded: outputs that cannot be written, files that cannot be read.
    """
    sources = request.cohort.sources if isinstance(request.cohort, Slides) else [request.cohort]
    check_outputs(request.json, overwrite=request.overwrite, inputs=sources)
    settings = request.retrieval.settings(request.devices)
    weighted = image_weight_rows(settings, request.image_weights)
    sets = read_gmt(request.gmt) if request.gmt else None
    cells = None if request.cells is None else request.cells.read()
    bank, notes = _bank(request)
    rows = standard_rows(settings, bank, n_core=request.n_core, tuned=request.tuned) + weighted
    if request.cells is not None and cells is not None:
        from spatialrag.prediction.ragst.generator import Generator
        from spatialrag.prediction.ragst.ragst import RAGST

        given = request.proportions.read(list(bank.slides.index))
        generator = Generator(device=request.devices.everywhere)
        rows = [*ragst_rows(RAGST(cells, given, generator=generator)), *rows]
        notes += request.cells.notes + request.proportions.notes
    report = loso(
        bank,
        settings=settings,
        rows=_placed(rows, request.devices),
        leave=request.leave,
        n_core=request.n_core,
        n_global=request.n_global,
        gene_sets=sets,
    )
    if request.json is not None:
        report.write(request.json)
    return report, notes


def _placed(rows: list[Row], devices: Devices) -> list[Row]:
    return solved_on(rows, devices.make_solver().device)


def _bank(request: LeaveOneOutRequest) -> tuple[Bank, tuple[str, ...]]:
    devices, backbone = request.devices, request.retrieval.backbone_name
    if isinstance(request.cohort, Bank):
        return request.cohort, devices.notes(backbone=backbone)
    if isinstance(request.cohort, Path):
        if devices.encoder is not None:
            raise InputError(
                "a bank is embedded already: there is no encoder to place",
                fix="leave --encoder-device out",
            )
        return read_bank(request.cohort), devices.notes(backbone=backbone)
    encoder = devices.make_encoder(request.encoder)
    sections = request.cohort.read()
    bank = build_bank(
        sections,
        encoder=encoder,
        patch_um=request.patch_um,
        context=CONTEXT if request.context is None else request.context,
        thumbnail_px=0,
        cache=request.cache,
    )
    return bank, devices.notes(encoder=encoder, backbone=backbone) + notes_of(sections)
