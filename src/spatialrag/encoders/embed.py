"""Embed the spots of a slide: batched, cached by content, resumable."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spatialrag.encoders.context import join_context
from spatialrag.encoders.embeddings import Embeddings, EncoderRecord
from spatialrag.encoders.encoder import Encoder, PatchEncoder, SpotEncoder, make_encoder
from spatialrag.errors import InputError, listing
from spatialrag.expression.section import Section
from spatialrag.progress import track
from spatialrag.provenance import fingerprint
from spatialrag.slides.patches import PatchGrid, check_inside, iterate_patches
from spatialrag.slides.slide import open_slide
from spatialrag.slides.spots import Spots

PATCH_UM = 150.0
CONTEXT = 6
COARSEST = 4.0  # image pixels of so many encoder pixels are blur, not tissue


def embed(
    spots: Spots | Section,
    *,
    encoder: str | Encoder = "color",
    patch_um: float | None = None,
    context: int = CONTEXT,
    cache: str | Path | None = None,
    batch: int = 32,
) -> Embeddings:
    """Return the embeddings of one slide's spots.

    Spots that precomputed vectors lack are left out, with a warning.

    Parameters
    ----------
    spots
        Positions on an image of known µm per pixel. Of a `Section` only these are used.
    encoder
        ``color``, a published one such as ``uni``, ``onnx:PATH``, ``precomputed:FOLDER``, any of
        these after ``dihedral:``, or an encoder object.
    patch_um
        Side of the patches, µm. None takes what the encoder was trained on, 150 where unknown.
    context
        Nearest spots whose mean vector is joined to a spot's own; 0 for none.
    cache
        Folder that keeps vectors by content (image, spots, encoder, mpp); an interrupted run
        resumes after its last finished batch.
    batch
        Patches encoded at a time.

    Raises
    ------
    InputError
        No image, unknown mpp, spots outside the image, a slide too coarse for the encoder.
    """
    spots = spots.located if isinstance(spots, Section) else spots
    encoder = make_encoder(encoder)
    by_patch = isinstance(encoder, PatchEncoder)
    patch_um = side_of(encoder, patch_um)
    if by_patch:
        vectors = _encode_patches(spots, encoder, patch_um, cache, batch)
    else:
        spots, vectors = _look_up(spots, encoder)
    vectors = join_context(vectors, spots.xy, n_neighbors=context)
    record = EncoderRecord(
        name=encoder.name,
        fingerprint=encoder.fingerprint,
        dim=vectors.shape[1],
        patch_um=patch_um if by_patch else 0.0,
        context=context,
        source=getattr(encoder, "source", ""),
    )
    return Embeddings(
        vectors, spots.slide, spots.spots, spots.xy, spots.mpp if by_patch else None, record
    )


def _look_up(spots: Spots, encoder: SpotEncoder) -> tuple[Spots, np.ndarray]:
    vectors = np.asarray(encoder.lookup(spots), np.float32)
    without = np.isnan(vectors).all(axis=1)
    if not without.any():
        return spots, vectors
    names = listing(spots.spots[without])
    warnings.warn(
        f"{without.sum()} of {len(without)} spots of {spots.slide!r} have no vector and are left "
        f"out: {names}",
        stacklevel=3,
    )
    return spots.of_names(spots.spots[~without]), vectors[~without]


def side_of(encoder: Encoder | None, patch_um: float | None) -> float:
    """Return the side of patches, µm: as asked, else the encoder's own, else 150."""
    return patch_um if patch_um is not None else getattr(encoder, "patch_um", None) or PATCH_UM


def check_encoder(
    encoder: str | Encoder | None,
    record: EncoderRecord,
    *,
    device: str = "cpu",
    required: bool = True,
) -> Encoder:
    """Return the encoder, or raise `InputError` when it is not the bank's.

    Parameters
    ----------
    encoder
        As in `make_encoder`.
    record
        Of the bank's encoder.
    device, required
        As in `make_encoder`.
    """
    if encoder is None:
        raise InputError(
            f"the bank was embedded by {record.name!r}",
            expected="the same encoder for the queries",
            fix="pass --encoder as it was given to the bank",
        )
    made = make_encoder(encoder, device=device, required=required)
    if (made.name, made.fingerprint) != (record.name, record.fingerprint):
        raise InputError(
            "the encoder is not the bank's",
            expected=f"{record.name} ({record.fingerprint[:12]})",
            got=f"{made.name} ({made.fingerprint[:12]})",
            fix="use the encoder the bank was built with, or rebuild the bank",
        )
    return made


def check_spots(spots: Spots, *, encoder: PatchEncoder, patch_um: float) -> None:
    """Raise `InputError` when these spots cannot be cut from their slide; decodes nothing."""
    mpp = spots.require_mpp()
    grid = PatchGrid(spots.xy, spots.spots, patch_um, mpp)
    wanted = patch_um / encoder.size_px
    # What was trained on patches of a stated size reads structures of that size.
    if getattr(encoder, "patch_um", None) and mpp > COARSEST * wanted:
        raise InputError(
            f"slide {spots.slide!r} is too coarse for the encoder {encoder.name!r}",
            expected=f"at most {COARSEST * wanted:.3g} µm per pixel: its patches of "
            f"{patch_um:g} µm have {encoder.size_px} pixels",
            got=f"{mpp:.3g} µm per pixel ({spots.mpp_source})",
            fix="give an image of higher resolution, a larger patch_um, or the encoder color",
        )
    slide = open_slide(spots.require_image())
    try:
        check_inside(grid, slide)
    finally:
        slide.close()


def _encode_patches(
    spots: Spots, encoder: PatchEncoder, patch_um: float, cache: str | Path | None, batch: int
) -> np.ndarray:
    image, mpp = spots.require_image(), spots.require_mpp()
    check_spots(spots, encoder=encoder, patch_um=patch_um)
    if batch < 1:
        raise InputError("batch must be at least 1", got=str(batch))
    store = None
    if cache is not None:
        grid_parts = (spots.spots.tolist(), spots.xy, f"{mpp:.9g}", f"{patch_um:g}")
        key = fingerprint(image, *grid_parts, encoder.fingerprint)
        store = _Store(Path(cache), f"{spots.slide}-{encoder.name}-{key[:16]}")
        if (done := store.finished()) is not None:
            return done
    slide = open_slide(image)
    try:
        start = store.resume() if store else np.empty((0, 0), np.float32)
        rest = PatchGrid(spots.xy[len(start) :], spots.spots[len(start) :], patch_um, mpp)
        patches = iterate_patches(slide, rest, size_px=encoder.size_px, batch=batch)
        total = -(-len(rest.xy) // batch)
        parts = [start] if len(start) else []
        for part in _encoded(encoder, track(patches, label=f"embed {spots.slide}", total=total)):
            parts.append(part)
            if store:
                store.append(part, sum(len(p) for p in parts))
    finally:
        slide.close()
    vectors = np.concatenate(parts)
    if store:
        store.finish(vectors)
    return vectors


def _encoded(encoder: PatchEncoder, patches: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    for block in patches:
        yield np.asarray(encoder.encode(block), np.float32)


class _Store:
    """Vectors of one slide on disk: finished, or the batches done so far."""

    def __init__(self, folder: Path, name: str) -> None:
        self._final = folder / f"{name}.npy"
        self._parts = folder / f"{name}.parts"

    def finished(self) -> np.ndarray | None:
        return np.load(self._final) if self._final.exists() else None

    def resume(self) -> np.ndarray:
        """Return the vectors of the batches that were finished, in spot order."""
        self._parts.mkdir(parents=True, exist_ok=True)
        parts = [np.load(path) for path in sorted(self._parts.glob("*.npy"))]
        return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)

    def append(self, part: np.ndarray, end: int) -> None:
        _save(self._parts / f"{end:09d}.npy", part)

    def finish(self, vectors: np.ndarray) -> None:
        _save(self._final, vectors)
        for path in self._parts.iterdir():
            path.unlink()
        self._parts.rmdir()


def _save(path: Path, array: np.ndarray) -> None:
    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with aside.open("wb") as stream:
        np.save(stream, array)
    aside.replace(path)
