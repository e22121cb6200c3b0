"""Predict a slide's spots from a bank: one flow for every entrance and every method."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from spatialrag.bank.bank import Bank
from spatialrag.bank.copies import Copy, describe_copies, find_copies, leave_out_copies
from spatialrag.bank.store import read_bank
from spatialrag.encoders.embedding import embed
from spatialrag.encoders.embeddings import Embeddings
from spatialrag.encoders.encoder import Encoder
from spatialrag.errors import InputError, listing
from spatialrag.jobs.devices import Devices
from spatialrag.jobs.generag import Retrieval
from spatialrag.jobs.outputs import check_outputs, write_json
from spatialrag.jobs.queries import QuerySlide
from spatialrag.prediction.generag.generag import FittedGeneRAG, GeneRAG
from spatialrag.prediction.likeness import Doubt, find_doubts
from spatialrag.prediction.prediction import Prediction, picture_tissue
from spatialrag.prediction.predictor import FittedPredictor, Predictor, Queries
from spatialrag.prediction.store import write_prediction
from spatialrag.slides.picture_marks import mark_picture
from spatialrag.slides.slide import Slide
from spatialrag.slides.spots import Spots


@dataclass(frozen=True, eq=False)
class PredictRequest:
    """What is predicted, from what, and where it is written.

    Parameters
    ----------
    bank
        References: a store, or a bank in memory.
    queries
        The slide asked about.
    method
        GeneRAG as options state it, or any predictor's settings.
    encoder
        The bank's own; not needed where the method reads no images.
    without_slides, without_donors
        References that are never cited.
    allow_self
        Predict a slide that is in the bank, by name, picture or counts, from itself; the result
        is marked.
    removed
        For each spot, how many of its strongest references are left out one at a time, for
        `spatialrag.explain` to tell what each changes; GeneRAG alone.
    devices
        Where networks run and Eq. 1 is solved.
    cache
        Folder that keeps embeddings by content.
    out
        The prediction to write, ``.h5ad``; None writes nothing.
    json
        Facts to write as JSON.
    drop_missing
        Leave out genes that are missing in some spot: what references that hold little of its
        weight measured.
    overwrite
        Replace files that exist.
    """

    bank: Path | Bank
    queries: QuerySlide
    method: Retrieval | Predictor = field(default_factory=Retrieval)
    encoder: str | Encoder | None = None
    without_slides: tuple[str, ...] = ()
    without_donors: tuple[str, ...] = ()
    allow_self: bool = False
    removed: int = 3
    devices: Devices = field(default_factory=Devices)
    cache: Path | None = None
    out: Path | None = None
    json: Path | None = None
    drop_missing: bool = False
    overwrite: bool = False


@dataclass(frozen=True, eq=False)
class PredictResult:
    """What a prediction came to.

    Parameters
    ----------
    prediction
        With its citations and pictures.
    facts
        Sizes and certificates, as written to JSON.
    notes
        What is to be said of how it was made.
    """

    prediction: Prediction
    facts: dict[str, object]
    notes: tuple[str, ...] = ()


def predict(request: PredictRequest) -> PredictResult:
    """Predict a slide's spots: read, embed, fit, solve, write, in this order.

    Raises
    ------
    InputError
        Before any work: outputs that cannot be written, an encoder that is not the bank's, spots
        and images that cannot be read or do not fit each other.
    """
    read = [request.bank, request.queries.spots, request.queries.image]
    method, blind = request.method, False
    if isinstance(method, Retrieval):
        settings = method.settings(request.devices)
        read += [] if method.initial is None else [method.initial.path]
        blind = method.initial is not None and settings.image_weight == 0
        method = _Stated(method, settings, request.devices)
    check_outputs(request.out, request.json, overwrite=request.overwrite, inputs=read)
    bank = request.bank if isinstance(request.bank, Bank) else read_bank(request.bank)
    prediction, notes = run(request, bank, method, blind=blind)
    return finish(request, prediction, _facts_of_retrieval(prediction), notes)


@dataclass(frozen=True)
class _Stated:
    """GeneRAG as options state it, as a method to fit on the bank that copies were taken from."""

    stated: Retrieval
    settings: GeneRAG
    devices: Devices

    def fit(self, bank: Bank) -> FittedPredictor:
        return self.stated.predictor(self.settings, bank, self.devices).fit(bank)


def run(
    request: PredictRequest,
    bank: Bank,
    method: Predictor,
    *,
    blind: bool = False,
    trained: bool = False,
) -> tuple[Prediction, tuple[str, ...]]:
    """Return the prediction of a request by a method, and what is to be said of it.

    Parameters
    ----------
    request
        Which slide, which encoder, which references are left out.
    bank
        The whole bank.
    method
        What is fitted on the references.
    blind
        Whether the method reads no images: nothing is embedded then.
    trained
        Whether the method was trained on this bank before, so that nothing can be left out.

    Raises
    ------
    InputError
        The query is in the bank under another name, or was trained on, and what its slide and the
        method refuse.
    """
    rest = bank.without(slides=request.without_slides, donors=request.without_donors)
    with request.queries.opened() as (spots, slide):
        marks = None if slide is None else mark_picture(slide)
        copies = find_copies(bank, slide=spots.slide, marks=marks, xy=spots.xy)
        if trained and copies and not request.allow_self:
            raise _trained_on(spots.slide, copies)
        references, notes = leave_out_copies(
            rest, copies, query=spots.slide, allow_self=request.allow_self
        )
        queries: Queries = spots
        thumbnails = tissue = None
        doubts: tuple[Doubt, ...] = ()
        if not blind:
            encoder = request.devices.check_encoder(request.encoder, references)
            notes += request.devices.notes(encoder=encoder)
            queries = _embed(spots, slide, references, encoder, request.cache)
            thumbnails = queries.thumbnails
            doubts = find_doubts(queries, references)
            notes += tuple(f"slide {spots.slide!r}: {doubt.words}" for doubt in doubts)
        if slide is not None:
            tissue = picture_tissue(spots, slide=slide)
    fitted = method.fit(references)
    if isinstance(fitted, FittedGeneRAG):
        prediction = fitted.predict(queries, removed=request.removed)
    else:
        prediction = fitted.predict(queries)
    notes += _notes_of_tuning(bank, references, method)
    tuning = method.stated.tuning_of(references) if isinstance(method, _Stated) else None
    if tuning is not None:
        prediction = replace(prediction, reliability=tuning.reliability_of(prediction.genes))
    record = prediction.record | {"query": _record(spots, queries)}
    record |= {"doubts": [asdict(doubt) for doubt in doubts]} if doubts else {}
    record |= {"copies": describe_copies(copies, references)} if copies else {}
    return replace(prediction, record=record).with_pictures(thumbnails, tissue), notes


def _notes_of_tuning(bank: Bank, references: Bank, method: Predictor) -> tuple[str, ...]:
    """Return what is to be said of settings that the bank keeps."""
    if bank.valid_tuning is None or not isinstance(method, _Stated):
        return ()
    if references.valid_tuning is None:
        return ("the bank's tuning is not used: it has seen slides that are left out here",)
    choice = method.stated.choice_of(references)
    said = ", ".join(f"{name} {value}" for name, value in choice.items())
    return (f"settings that `bank tune` chose: {said}",) if choice else ()


def _trained_on(query: str, copies: Sequence[Copy]) -> InputError:
    return InputError(
        f"the model was trained on the slide {query!r} that it is to predict",
        expected="a model that never saw it",
        got=listing([str(copy) for copy in copies]),
        fix="fit it again with "
        + " ".join(f"--exclude-slide {copy.slide}" for copy in copies)
        + "; or, if this is meant, allow it: --allow-self",
    )


def finish(
    request: PredictRequest,
    prediction: Prediction,
    facts: dict[str, object],
    notes: tuple[str, ...],
) -> PredictResult:
    """Write what a request asks for, and return the result.

    Parameters
    ----------
    request
        What was asked for.
    prediction
        By its method.
    facts
        What only this method knows, beside `facts_of`.
    notes
        What was said so far.
    """
    missing = int(prediction.missing.any(axis=0).sum())
    if missing and request.drop_missing:
        prediction = prediction.without_missing()
        notes += (f"{missing} genes with missing values left out",)
    elif missing:
        notes += (
            f"{missing} of {len(prediction.genes)} genes have missing values, where references "
            "that measured them hold too little of a spot's weight; --drop-missing leaves them out",
        )
    facts = facts_of(prediction) | facts | {"genes_with_missing_values": missing}
    if request.out is not None:
        write_prediction(prediction, request.out)
    write_json(request.json, facts | {"notes": list(notes)})
    return PredictResult(prediction, facts, notes)


def example_of(prediction: Prediction) -> tuple[str, str]:
    """Return a spot and a gene to look at first: the clearest value of the most variable gene."""
    values = np.where(prediction.missing.any(axis=0), 0, prediction.expression)
    column = int(values.var(axis=0).argmax())
    row = int(values[:, column].argmax())
    return str(prediction.spots[row]), str(prediction.genes[column])


def facts_of(prediction: Prediction) -> dict[str, object]:
    """Return the facts of a prediction that cites."""
    facts: dict[str, object] = {
        "spots": len(prediction.spots),
        "genes": len(prediction.genes),
        "scale": prediction.scale,
    }
    if prediction.citations is not None:
        facts["references_per_spot"] = float(prediction.citations.n_active.mean())
        facts["effective_number"] = float(prediction.citations.effective_number.mean())
    return facts


def _facts_of_retrieval(prediction: Prediction) -> dict[str, object]:
    """Return what GeneRAG adds: its settings and its certificate."""
    settings, certificate = prediction.record.get("settings", {}), prediction.certificate
    facts = {name: settings[name] for name in ("image_weight", "strength") if name in settings}
    if certificate is not None and "relative_gap" in certificate:
        facts["largest_relative_gap"] = float(certificate["relative_gap"].max())
    return facts


def _embed(
    spots: Spots, slide: Slide | None, bank: Bank, encoder: Encoder, cache: Path | None
) -> Embeddings:
    """Return query embeddings as the bank was embedded, with pictures where the bank has some."""
    made, side = bank.require_encoder(), 0
    if bank.thumbnails is not None and slide is not None:
        side = bank.thumbnails.shape[1]
    return embed(
        spots,
        encoder=encoder,
        patch_um=made.patch_um,
        context=made.context,
        cache=cache,
        slide=slide,
        thumbnail_px=side,
    )


def _record(spots: Spots, queries: Queries) -> dict[str, object]:
    """Return scale and place of the query slide, for the prediction's record."""
    record: dict[str, object] = {
        "image": "" if spots.image is None else spots.image.name,
        "mpp": spots.mpp,
        "mpp_source": spots.mpp_source,
    }
    if isinstance(queries, Embeddings):
        record["patch_um"] = queries.encoder.patch_um
    placement = queries.placement if isinstance(queries, Embeddings) else None
    if placement is not None:
        record |= {
            "pitch_um": None if placement.pitch_um != placement.pitch_um else placement.pitch_um,
            "spots_off_tissue": placement.n_off,
            "reads_better_as": placement.better,
        }
    return record
