"""What is done to embeddings before any method reads them: context, rings, centring.

The one place where it is done: backbones, the image block and the controls of a table are given the
bank that comes out, and queries prepared alike.
"""

from dataclasses import dataclass, replace

import numpy as np

from spatialrag.bank.bank import Bank
from spatialrag.encoders.embeddings import Embeddings, EncoderRecord
from spatialrag.errors import InputError, check_share, listing
from spatialrag.prediction.backbones.backbone import Backbone, CentringBackbone
from spatialrag.prediction.predictor import Queries
from spatialrag.provenance import fingerprint
from spatialrag.retrieval.centring import Centre, centre_references, fit_centre
from spatialrag.retrieval.rings import check_radii, join_rings


@dataclass(frozen=True)
class Preparation:
    """How a method reads embeddings.

    Parameters
    ----------
    context
        Whether the neighborhood context is kept that the bank was embedded with.
    context_um
        Outer radii of rings around a spot whose mean vectors are joined to its own, µm; they take
        the place of the context that the bank was embedded with. Empty for none.
    centring
        How much of its slide's mean is taken from each vector, from 0 (none) to 1.
    """

    context: bool = True
    context_um: tuple[float, ...] = ()
    centring: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "context_um", check_radii(self.context_um))
        check_share(self.centring, name="centring")
        if self.context_um and not self.context:
            raise InputError(
                "context_um asks for context, and context=False for none",
                fix="leave out one of them",
            )

    def fit(self, bank: Bank) -> "Prepared":
        """Return the bank as a method reads it; without embeddings it stays as it is."""
        if bank.embeddings is None:
            return Prepared(self, bank, None)
        read = bank if self.context and not self.context_um else bank.without_context()
        if self.context_um:
            slides = [bank.embeddings_of(name) for name in bank.slides.index]
            slides = [_with_rings(slide, self.context_um) for slide in slides]
            vectors = np.empty((bank.n_references, slides[0].encoder.dim), np.float32)
            for position, slide in enumerate(slides):
                vectors[bank.slide_of == position] = slide.vectors
            read = replace(bank, embeddings=vectors, encoder=slides[0].encoder)
        if not self.centring:
            return Prepared(self, read, None)
        xy = read.references[["x", "y"]].to_numpy(float)
        centre = fit_centre(read.vectors, read.slide_of, xy, share=self.centring)
        vectors = centre_references(read.vectors, read.slide_of, share=self.centring)
        record = _marked(
            read.require_encoder(), "centred", f"{self.centring:.6g}", bank.fingerprint
        )
        return Prepared(self, replace(read, embeddings=vectors, encoder=record), centre, read)


AS_EMBEDDED = Preparation()


@dataclass(frozen=True, eq=False)
class Prepared:
    """A bank as a method reads it.

    Parameters
    ----------
    settings
        How.
    bank
        With embeddings as they are read. Its encoder has a fingerprint of its own where they were
        changed, so that they are never compared with others.
    centre
        Where slides are centred.
    before
        The bank before that, against which queries are checked.
    """

    settings: Preparation
    bank: Bank
    centre: Centre | None
    before: Bank | None = None

    def queries(self, queries: Queries) -> Queries:
        """Return queries of one slide with embeddings as the bank's; spots alone pass through.

        Raises
        ------
        InputError
            Embedded differently from the bank; places or a pixel size unknown where rings are
            asked for.
        """
        if not isinstance(queries, Embeddings):
            return queries
        if self.settings.context_um:
            queries = _with_rings(queries, self.settings.context_um)
        elif not self.settings.context:
            queries = queries.without_context()
        if self.centre is None or self.before is None:
            return queries
        self.before.check_queries(queries)
        vectors = self.centre.of_query(queries.vectors)
        return replace(queries, vectors=vectors, encoder=self.bank.require_encoder())

    def for_backbone(self, backbone: Backbone) -> "Prepared":
        """Return what a backbone reads: vectors before centring, where it centres itself.

        Parameters
        ----------
        backbone
            Settings; a `CentringBackbone` is given slides as they are.
        """
        if self.before is None or not isinstance(backbone, CentringBackbone):
            return self
        return Prepared(replace(self.settings, centring=0.0), self.before, None)

    def record(self, queries: Queries) -> dict[str, float]:
        """Return what a prediction's record tells: the share, and the trust in the own mean."""
        if self.centre is None:
            return {}
        return {
            "centring": self.centre.share,
            "centring_trust": self.centre.trust(len(queries.spots)),
        }


def _with_rings(slide: Embeddings, radii_um: tuple[float, ...]) -> Embeddings:
    own = slide.without_context()
    lost = ~np.isfinite(np.asarray(own.xy, float)).all(axis=1)
    if lost.any() or own.mpp is None:
        raise InputError(
            f"rings around the spots of {own.slide!r} cannot be drawn",
            expected="places of all spots, and µm per pixel",
            got=f"no place of {listing(own.spots[lost], 3)}" if lost.any() else "no µm per pixel",
            fix="state mpp and places, or take the context the bank was embedded with",
        )
    vectors = join_rings(own.vectors, np.asarray(own.xy, float) * own.mpp, radii_um=radii_um)
    record = _marked(own.encoder, "rings", *(f"{radius:.6g}" for radius in radii_um))
    return replace(own, vectors=vectors, encoder=replace(record, dim=vectors.shape[1]))


def _marked(record: EncoderRecord, *changes: str) -> EncoderRecord:
    return replace(record, fingerprint=fingerprint(record.fingerprint, *changes))
