"""Embed the spots of a slide: batched, cached by content, resumable."""

import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from spatialrag.encoders.cache import VectorCache
from spatialrag.encoders.context import join_context
from spatialrag.encoders.embeddings import Embeddings, EncoderRecord
from spatialrag.encoders.encoder import Encoder, PatchEncoder, SpotEncoder, make_encoder
from spatialrag.errors import InputError, listing
from spatialrag.expression.section import Section
from spatialrag.progress import track
from spatialrag.provenance import fingerprint
from spatialrag.slides.patches import PatchGrid, check_side, drop_outside, iterate_patches
from spatialrag.slides.placement import Placement, place, warn_if_doubtful
from spatialrag.slides.platforms import check_pitch
from spatialrag.slides.slide import open_slide
from spatialrag.slides.spots import Spots

PATCH_UM = 150.0
CONTEXT = 6
PIXELS = "pixels 2"  # changes when slides are read differently: older vectors are not taken then
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

    Spots that precomputed vectors lack are left out, and so are a few that lie outside the picture;
    a warning says which. Another says when picture and spots do not seem to belong together.

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
        No spots, no image, an mpp that is unknown or not that of the platform, many spots outside
        the image, a slide too coarse for the encoder.
    """
    spots = spots.located if isinstance(spots, Section) else spots
    encoder = make_encoder(encoder)
    by_patch = isinstance(encoder, PatchEncoder)
    patch_um = side_of(encoder, patch_um)
    placement = None
    if by_patch:
        spots = check_spots(spots, encoder=encoder, patch_um=patch_um)
        vectors, placement = _encode_patches(spots, encoder, patch_um, cache, batch)
        warn_if_doubtful(placement, spots)
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
    mpp = spots.mpp if by_patch else None
    return Embeddings(vectors, spots.slide, spots.spots, spots.xy, mpp, record, placement)


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


def check_spots(spots: Spots, *, encoder: PatchEncoder, patch_um: float) -> Spots:
    """Return the spots that lie on their slide; nothing is decoded.

    A few spots outside the picture are left out, with a warning.

    Raises
    ------
    InputError
        Spots that cannot be cut from their slide: none at all, no image, a pixel size that is
        unknown or not that of the platform, many outside, a slide too coarse for the encoder.
    """
    if len(spots.spots) == 0:
        raise InputError(
            f"slide {spots.slide!r} has no spots",
            expected="names and centres of spots",
            fix="check the file of spots, or predict on a grid over the tissue",
        )
    mpp = spots.require_mpp()
    check_pitch(spots)
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
        check_side(grid, slide)
        return drop_outside(spots, slide)
    finally:
        slide.close()


def _encode_patches(
    spots: Spots, encoder: PatchEncoder, patch_um: float, cache: str | Path | None, batch: int
) -> tuple[np.ndarray, Placement]:
    """Return the vectors of spots that were checked, and how they lie on their slide."""
    if batch < 1:
        raise InputError("batch must be at least 1", got=str(batch))
    image, mpp = spots.require_image(), spots.require_mpp()
    kept = None
    if cache is not None:
        grid_parts = (spots.spots.tolist(), spots.xy, f"{mpp:.9g}", f"{patch_um:g}")
        key = fingerprint(PIXELS, image, *grid_parts, encoder.fingerprint)
        kept = VectorCache(cache, f"{spots.slide}-{encoder.name}", key=key, n_rows=len(spots.xy))
        if (done := kept.finished()) is not None:
            vectors, facts = done
            return vectors, Placement(**facts | {"mpp_source": spots.mpp_source})
    slide = open_slide(image)
    try:
        placement = place(spots, slide)
        parts = kept.resume() if kept else []
        start = sum(len(part) for part in parts)
        rest = PatchGrid(spots.xy[start:], spots.spots[start:], patch_um, mpp)
        patches = iterate_patches(slide, rest, size_px=encoder.size_px, batch=batch)
        total = -(-len(rest.xy) // batch)
        for part in _encoded(encoder, track(patches, label=f"embed {spots.slide}", total=total)):
            if kept:
                kept.append(part, start)
            parts.append(part)
            start += len(part)
    finally:
        slide.close()
    vectors = np.concatenate(parts)
    if kept:
        kept.finish(vectors, asdict(placement))
    return vectors, placement


def _encoded(encoder: PatchEncoder, patches: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    for block in patches:
        yield np.asarray(encoder.encode(block), np.float32)
