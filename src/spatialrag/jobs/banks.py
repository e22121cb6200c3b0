"""Build, change and describe banks."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from spatialrag.bank.bank import Bank
from spatialrag.bank.build import THUMBNAIL_PX, build_bank, check_addition, join_banks
from spatialrag.bank.store import describe, read_bank, update_bank, write_bank
from spatialrag.bank.tuning import BankTuning
from spatialrag.encoders.embedding import CONTEXT
from spatialrag.encoders.encoder import Encoder
from spatialrag.errors import InputError
from spatialrag.jobs.devices import Devices
from spatialrag.jobs.outputs import check_outputs, write_json
from spatialrag.jobs.slides import Slides, notes_of
from spatialrag.prediction.generag.bank_search import FEWEST, search_bank
from spatialrag.prediction.generag.generag import GeneRAG


@dataclass(frozen=True, eq=False)
class BuildRequest:
    """A bank of all spots of a cohort.

    Parameters
    ----------
    slides
        The cohort.
    path
        Where the bank is written; None keeps it in memory.
    encoder
        None builds a bank of expression alone.
    patch_um, context, thumbnail_px, cache
        As in `spatialrag.build_bank`.
    overwrite
        Replace an existing bank.
    devices
        Where the encoder runs.
    json
        Facts to write as JSON.
    """

    slides: Slides
    path: Path | None = None
    encoder: str | Encoder | None = None
    patch_um: float | None = None
    context: int = CONTEXT
    thumbnail_px: int = THUMBNAIL_PX
    cache: Path | None = None
    overwrite: bool = False
    devices: Devices = field(default_factory=Devices)
    json: Path | None = None


@dataclass(frozen=True, eq=False)
class AddRequest:
    """Slides to add to a bank, embedded as it was.

    Parameters
    ----------
    path
        The bank.
    slides
        What is added.
    encoder
        The bank's own; None for a bank of expression alone.
    cache, devices, json
        As in `BuildRequest`.
    overwrite
        Replace files that exist.
    """

    path: Path
    slides: Slides
    encoder: str | Encoder | None = None
    cache: Path | None = None
    devices: Devices = field(default_factory=Devices)
    json: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True, eq=False)
class BankResult:
    """A bank, what it holds, and what is to be said of how it was made."""

    bank: Bank
    facts: dict[str, object]
    notes: tuple[str, ...] = ()


def build(request: BuildRequest) -> BankResult:
    """Build a bank and write it.

    Raises
    ------
    InputError
        Before any slide is embedded: a path that is taken, slides that cannot be read or embedded.
    """
    overwrite, sources = request.overwrite, request.slides.sources
    check_outputs(request.json, overwrite=overwrite, inputs=sources)
    check_outputs(request.path, overwrite=overwrite, inputs=sources, folder=True)
    encoder = None
    if request.encoder is not None:
        encoder = request.devices.make_encoder(request.encoder)
    sections = request.slides.read()
    bank = build_bank(
        sections,
        encoder=encoder,
        patch_um=request.patch_um,
        context=request.context,
        thumbnail_px=request.thumbnail_px,
        cache=request.cache,
    )
    if request.path is not None:
        write_bank(bank, request.path, overwrite=request.overwrite)
    notes = request.devices.notes(encoder=encoder) + notes_of(sections)
    return _result(bank, request.json, notes)


def add(request: AddRequest) -> BankResult:
    """Add slides to a bank; everything already in it stays bit-identical.

    Raises
    ------
    InputError
        Before any slide is embedded: another encoder than the bank's, slides that it already has.
    """
    check_outputs(request.json, overwrite=request.overwrite, inputs=request.slides.sources)
    bank, encoder = read_bank(request.path), None
    if bank.encoder is not None:
        encoder = request.devices.check_encoder(request.encoder, bank)
    elif request.encoder is not None:
        raise InputError(
            "the bank holds expression alone", fix="leave --encoder out, or rebuild it"
        )
    sections = request.slides.read()
    check_addition(bank, sections)
    addition = build_bank(
        sections,
        encoder=encoder,
        patch_um=(bank.encoder.patch_um or None) if bank.encoder else None,
        context=bank.encoder.context if bank.encoder else CONTEXT,
        thumbnail_px=0 if bank.thumbnails is None else bank.thumbnails.shape[1],
        cache=request.cache,
    )
    # Embedding takes long, and the bank may have been changed meanwhile: it is read again.
    joined = update_bank(request.path, lambda current: join_banks([current, addition]))
    notes = request.devices.notes(encoder=encoder) + notes_of(sections)
    return _result(joined, request.json, notes)


def remove(
    path: Path,
    *,
    slides: tuple[str, ...] = (),
    donors: tuple[str, ...] = (),
    json: Path | None = None,
    overwrite: bool = False,
) -> BankResult:
    """Remove slides or donors from a bank; everything else stays bit-identical.

    Raises
    ------
    InputError
        Nothing to remove is named, or it is not in the bank.
    """
    check_outputs(json, overwrite=overwrite)
    if not (slides or donors):
        raise InputError("what shall be removed?", expected="--slide NAME or --donor NAME")
    rest = update_bank(path, lambda bank: bank.without(slides=slides, donors=donors))
    return _result(
        rest,
        json,
        (
            "Vectors of removed slides may remain in embedding caches (--cache), in files that "
            "begin with the slide's name; predictions and models made before keep what they cite.",
        ),
    )


@dataclass(frozen=True, eq=False)
class TuneRequest:
    """A bank that is tuned, and how long that may take.

    Parameters
    ----------
    path
        The bank; the result is stored in it.
    minutes
        Nothing new is tried after so many.
    cache
        Folder that keeps scores: a search that was interrupted goes on from them.
    devices
        Where Eq. 1 is solved.
    json
        Facts to write as JSON.
    overwrite
        Replace files that exist.
    """

    path: Path
    minutes: float = 30.0
    cache: Path | None = None
    devices: Devices = field(default_factory=Devices)
    json: Path | None = None
    overwrite: bool = False


def tune(request: TuneRequest) -> tuple[BankTuning, BankResult]:
    """Choose GeneRAG's settings inside a bank, and store them in it with what genes reached.

    Raises
    ------
    InputError
        Fewer than two slides, no embeddings, or a bank that changed meanwhile.
    """
    check_outputs(request.json, overwrite=request.overwrite, inputs=[request.path])
    if not request.minutes >= 0:
        raise InputError("the budget must be 0 minutes or more", got=str(request.minutes))
    bank = read_bank(request.path)
    settings = GeneRAG(solver=request.devices.make_solver())
    found = search_bank(bank, settings, minutes=request.minutes, cache=request.cache)

    def store(current: Bank) -> Bank:
        if current.fingerprint != found.bank:
            raise InputError(
                f"{request.path} changed while it was tuned",
                fix="tune it again: scores of slides that are still there are not kept",
            )
        return replace(current, tuning=found)

    notes: tuple[str, ...] = ()
    if len(bank.slides) < FEWEST:
        notes = (
            f"{len(bank.slides)} slides are too few to choose settings on: the default stays, and "
            "how well it predicts each gene is stored",
        )
    return found, _result(update_bank(request.path, store), request.json, notes)


def inspect(path: Path, *, json: Path | None = None, overwrite: bool = False) -> BankResult:
    """Tell what a bank holds."""
    check_outputs(json, overwrite=overwrite, inputs=[path])
    return _result(read_bank(path), json)


def _result(bank: Bank, json: Path | None, notes: tuple[str, ...] = ()) -> BankResult:
    facts = describe(bank)
    write_json(json, facts)
    return BankResult(bank, facts, notes)
