"""Embed the spots of a slide: batched, cached by content, resumable."""

import warnings
from pathlib import Path

import numpy as np

from spatialrag.encoders.color import Color
from spatialrag.encoders.context import join_context
from spatialrag.encoders.embeddings import Embeddings, EncoderRecord
from spatialrag.encoders.encoder import Encoder, PatchEncoder, SpotEncoder, make_encoder
from spatialrag.encoders.patch_vectors import encode_patches
from spatialrag.errors import InputError, listing
from spatialrag.expression.section import Section
from spatialrag.slides.patches import (
    PatchGrid,
    check_side,
    check_thumbnail_px,
    cut_thumbnails,
    drop_outside,
)
from spatialrag.slides.placement import warn_if_doubtful
from spatialrag.slides.platforms import check_pitch
from spatialrag.slides.slide import Slide, opened
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
    slide: Slide | None = None,
    thumbnail_px: int = 0,
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
        Folder that keeps vectors by content (image, spots, encoder, mpp), and pictures; an
        interrupted run resumes after its last finished batch.
    batch
        Patches encoded at a time.
    slide
        The spots' image, if it is open already; it stays open.
    thumbnail_px
        Side of the pictures of the patches that are returned as well, pixels; 0 for none.

    Raises
    ------
    InputError
        No spots, no image, an mpp that is unknown or not that of the platform, many spots outside
        the image, a slide too coarse for the encoder.

    Examples
    --------
    >>> spots = sections[3].located
    >>> embed(spots, encoder="color", context=0, cache=cache).vectors.shape
    (56, 154)
    """
    spots = spots.located if isinstance(spots, Section) else spots
    encoder = make_encoder(encoder)
    check_thumbnail_px(thumbnail_px)
    if not isinstance(encoder, PatchEncoder):
        return _embed_by_lookup(spots, encoder, patch_um, context, slide, thumbnail_px)
    patch_um = side_of(encoder, patch_um)
    with opened(slide or spots.require_image()) as slide:
        spots = check_spots(spots, encoder=encoder, patch_um=patch_um, slide=slide)
        made = encode_patches(
            slide,
            spots,
            encoder=encoder,
            patch_um=patch_um,
            cache=cache,
            batch=batch,
            thumbnail_px=thumbnail_px,
        )
    warn_if_doubtful(made.placement, spots)
    vectors = join_context(made.vectors, spots.xy, n_neighbors=context)
    return Embeddings(
        vectors,
        spots.slide,
        spots.spots,
        spots.xy,
        spots.mpp,
        _record(encoder, vectors, patch_um, context),
        made.placement,
        made.thumbnails,
    )


def _embed_by_lookup(
    spots: Spots,
    encoder: SpotEncoder,
    patch_um: float | None,
    context: int,
    slide: Slide | None,
    thumbnail_px: int,
) -> Embeddings:
    """Return vectors that exist already; a bank records a side of 0 µm for them, as unknown."""
    spots, vectors = _look_up(spots, encoder)
    vectors = join_context(vectors, spots.xy, n_neighbors=context)
    thumbnails = None
    if thumbnail_px:
        side = side_of(encoder, patch_um or None)
        thumbnails = cut_thumbnails(spots, patch_um=side, size_px=thumbnail_px, slide=slide)
    record = _record(encoder, vectors, 0.0, context)
    return Embeddings(
        vectors, spots.slide, spots.spots, spots.xy, None, record, thumbnails=thumbnails
    )


def _record(encoder: Encoder, vectors: np.ndarray, patch_um: float, context: int) -> EncoderRecord:
    return EncoderRecord(
        name=encoder.name,
        fingerprint=encoder.fingerprint,
        dim=vectors.shape[1],
        patch_um=patch_um,
        context=context,
        source=getattr(encoder, "source", ""),
    )


def _look_up(spots: Spots, encoder: SpotEncoder) -> tuple[Spots, np.ndarray]:
    vectors = np.asarray(encoder.lookup(spots), np.float32)
    without = np.asarray(np.isnan(vectors).all(axis=1))
    if not without.any():
        return spots, vectors
    names = listing(spots.spots[without])
    warnings.warn(
        f"{without.sum()} of {len(without)} spots of {spots.slide!r} have no vector and are left "
        f"out: {names}",
        stacklevel=4,
    )
    return spots.select(spots.spots[~without]), vectors[~without]


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
        As in `make_encoder`; the bank's where it is ``color`` and None is given.
    record
        Record of the bank's encoder.
    device, required
        As in `make_encoder`.
    """
    if encoder is None:
        if record.name == Color.name:  # it needs no file: its name is enough
            return check_encoder(Color(), record)
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


def check_spots(
    spots: Spots, *, encoder: PatchEncoder, patch_um: float, slide: Slide | None = None
) -> Spots:
    """Return the spots that lie on their slide; no patch is decoded.

    A few spots outside the picture are left out, with a warning.

    Parameters
    ----------
    spots
        Positions on an image.
    encoder
        Encoder of patches.
    patch_um
        Side of the patches, µm.
    slide
        Their image, if it is open already.

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
    with opened(slide or spots.require_image()) as slide:
        check_side(grid, slide)
        return drop_outside(spots, slide)
