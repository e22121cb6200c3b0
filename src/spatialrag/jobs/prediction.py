"""Predict a slide's spots from a bank: one flow for every entrance and every method."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from spatialrag.bank.bank import Bank
from spatialrag.bank.store import open_bank
from spatialrag.encoders.embedding import embed
from spatialrag.encoders.embeddings import Embeddings
from spatialrag.encoders.encoder import Encoder
from spatialrag.jobs.devices import Devices
from spatialrag.jobs.generag import Retrieval
from spatialrag.jobs.outputs import check_outputs, write_json
from spatialrag.jobs.queries import QuerySlide
from spatialrag.prediction.generag.generag import FittedGeneRAG
from spatialrag.prediction.prediction import Prediction, picture_tissue
from spatialrag.prediction.predictor import FittedPredictor, Predictor, Queries
from spatialrag.prediction.store import write_prediction
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
    """

    bank: Path | Bank
    queries: QuerySlide
    method: Retrieval | Predictor = field(default_factory=Retrieval)
    encoder: str | Encoder | None = None
    without_slides: tuple[str, ...] = ()
    without_donors: tuple[str, ...] = ()
    removed: int = 3
    devices: Devices = field(default_factory=Devices)
    cache: Path | None = None
    out: Path | None = None
    json: Path | None = None


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
    stated = request.method if isinstance(request.method, Retrieval) else None
    check_outputs(request.out, request.json, inputs=_inputs(request, stated))
    settings = None if stated is None else stated.settings(request.devices)
    bank = request.bank if isinstance(request.bank, Bank) else open_bank(request.bank)
    bank = bank.without(slides=request.without_slides, donors=request.without_donors)
    method = request.method if settings is None else stated.predictor(settings, bank)
    blind = stated is not None and stated.initial is not None and settings.image_weight == 0
    prediction, notes = run(request, bank, method.fit, blind=blind)
    facts = facts_of(prediction) | _facts_of_retrieval(prediction)
    return finish(request, prediction, facts, notes)


def _inputs(request: PredictRequest, stated: Retrieval | None) -> list[object]:
    initial = None if stated is None or stated.initial is None else stated.initial.path
    return [request.bank, request.queries.spots, request.queries.image, initial]


def run(
    request: PredictRequest,
    bank: Bank,
    fit: Callable[[Bank], FittedPredictor],
    *,
    blind: bool = False,
) -> tuple[Prediction, tuple[str, ...]]:
    """Return the prediction of a request by a method, and what is to be said of it.

    Parameters
    ----------
    request
        Which slide, which encoder.
    bank
        The references that may be cited.
    fit
        Bank to fitted method.
    blind
        Whether the method reads no images: nothing is embedded then.
    """
    notes: tuple[str, ...] = ()
    with request.queries.opened() as (spots, slide):
        queries, thumbnails, tissue = spots, None, None
        if not blind:
            encoder = request.devices.check_encoder(request.encoder, bank)
            notes = request.devices.notes(encoder=encoder)
            queries = _embed(spots, slide, bank, encoder, request.cache)
            thumbnails = queries.thumbnails
        if slide is not None:
            tissue = picture_tissue(spots, slide=slide)
    fitted = fit(bank)
    if isinstance(fitted, FittedGeneRAG):
        prediction = fitted.predict(queries, removed=request.removed)
    else:
        prediction = fitted.predict(queries)
    record = prediction.record | {"query": _record(spots, queries)}
    return replace(prediction, record=record).with_pictures(thumbnails, tissue), notes


def finish(
    request: PredictRequest,
    prediction: Prediction,
    facts: dict[str, object],
    notes: tuple[str, ...],
) -> PredictResult:
    """Write what a request asks for, and return the result."""
    if request.out is not None:
        write_prediction(prediction, request.out)
    write_json(request.json, facts)
    return PredictResult(prediction, facts, notes)


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
    facts["genes_with_missing_values"] = int(prediction.missing.any(axis=0).sum())
    return facts


def _embed(
    spots: Spots, slide: Slide | None, bank: Bank, encoder: Encoder, cache: Path | None
) -> Embeddings:
    """Return query embeddings as the bank was embedded, with pictures where the bank has some."""
    pictured = bank.thumbnails is not None and slide is not None
    return embed(
        spots,
        encoder=encoder,
        patch_um=bank.encoder.patch_um,
        context=bank.encoder.context,
        cache=cache,
        slide=slide,
        thumbnail_px=bank.thumbnails.shape[1] if pictured else 0,
    )


def _record(spots: Spots, queries: Queries) -> dict[str, object]:
    """Return scale and place of the query slide, for the prediction's record."""
    record: dict[str, object] = {
        "image": "" if spots.image is None else spots.image.name,
        "mpp": spots.mpp,
        "mpp_source": spots.mpp_source,
    }
    placement = queries.placement if isinstance(queries, Embeddings) else None
    if placement is not None:
        record |= {
            "pitch_um": None if placement.pitch_um != placement.pitch_um else placement.pitch_um,
            "spots_off_tissue": placement.n_off,
            "reads_better_as": placement.better,
        }
    return record
