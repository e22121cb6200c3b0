"""Embed the spots of slides into files that `precomputed:FOLDER` reads."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spatialrag.encoders.embedding import embed as embed_spots
from spatialrag.encoders.embeddings import Embeddings
from spatialrag.encoders.encoder import Encoder
from spatialrag.file_names import file_name
from spatialrag.jobs.devices import Devices
from spatialrag.jobs.outputs import check_outputs
from spatialrag.jobs.slides import Slides, notes_of
from spatialrag.replace import replace_file


@dataclass(frozen=True, eq=False)
class EmbedRequest:
    """Slides to embed, and the folder that their vectors go to.

    Parameters
    ----------
    slides
        The cohort.
    out
        Folder; one ``<slide>.npz`` per slide with arrays ``embeddings`` (n, dim) and ``barcodes``.
    encoder, patch_um, context, cache
        As in `spatialrag.embed`. Without context by default: whoever reads the vectors joins it.
    devices
        Where the encoder runs.
    overwrite
        Replace files that exist.
    """

    slides: Slides
    out: Path
    encoder: str | Encoder = "color"
    patch_um: float | None = None
    context: int = 0
    cache: Path | None = None
    devices: Devices = field(default_factory=Devices)
    overwrite: bool = False


@dataclass(frozen=True, eq=False)
class EmbeddedSlide:
    """The vectors of one slide, the file they were written to, and what is to be said of it."""

    embeddings: Embeddings
    path: Path
    notes: tuple[str, ...] = ()


def embed(request: EmbedRequest) -> Iterator[EmbeddedSlide]:
    """Embed slides one after the other; each is written before the next one is begun.

    Raises
    ------
    InputError
        A folder that cannot be written, and what `spatialrag.embed` refuses.
    """
    sources = request.slides.sources
    check_outputs(request.out, overwrite=True, inputs=sources, folder=True)
    encoder = request.devices.make_encoder(request.encoder)
    sections = request.slides.read()
    paths = [request.out / f"{file_name(section.slide)}.npz" for section in sections]
    check_outputs(*paths, overwrite=request.overwrite, inputs=sources)
    notes = request.devices.notes(encoder=encoder) + notes_of(sections)
    for section, path in zip(sections, paths, strict=True):
        vectors = embed_spots(
            section,
            encoder=encoder,
            patch_um=request.patch_um,
            context=request.context,
            cache=request.cache,
        )
        with replace_file(path) as aside, aside.open("wb") as stream:
            np.savez_compressed(stream, embeddings=vectors.vectors, barcodes=vectors.spots)
        yield EmbeddedSlide(vectors, path, notes)
        notes = ()
