"""Build a bank from sections, or join banks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from spatialrag.bank.bank import Bank, hash_slide
from spatialrag.encoders.embedding import CONTEXT, check_spots, embed, side_of
from spatialrag.encoders.embeddings import Embeddings
from spatialrag.encoders.encoder import Encoder, PatchEncoder, make_encoder
from spatialrag.errors import InputError, listing, raise_all
from spatialrag.expression.cohort_genes import check_overlap
from spatialrag.expression.measured_matrix import join_matrices
from spatialrag.expression.section import Section
from spatialrag.names import keys_of
from spatialrag.progress import track
from spatialrag.slides.patches import check_thumbnail_px, cut_thumbnails
from spatialrag.slides.picture_marks import PictureMarks, mark_picture
from spatialrag.slides.slide import Slide, opened

THUMBNAIL_PX = 64


def build_bank(
    sections: Sequence[Section],
    *,
    encoder: str | Encoder | None = None,
    patch_um: float | None = None,
    context: int = CONTEXT,
    thumbnail_px: int = THUMBNAIL_PX,
    cache: str | Path | None = None,
) -> Bank:
    """Return a bank of all spots of these sections.

    Parameters
    ----------
    sections
        Expression on one scale; gene panels may differ.
    encoder
        As in `spatialrag.embed`; None builds a bank of expression alone.
    patch_um, context, cache
        As in `spatialrag.embed`.
    thumbnail_px
        Side of the patch pictures kept for citations; 0 for none. Kept for all slides or none: a
        section without an image of known pixel size means none.

    Raises
    ------
    InputError
        No sections, repeated slides, mixed scales, pictures of more pixels than can be kept, and
        what `embed` raises.

    Examples
    --------
    >>> made = sr.build_bank(sections[:2], encoder="color", cache=cache)
    >>> made.encoder.name, made.embeddings.shape
    ('color', (112, 308))
    """
    sections = list(sections)
    _check_sections(sections)
    check_thumbnail_px(thumbnail_px)
    encoder = None if encoder is None else make_encoder(encoder)
    patch_um = side_of(encoder, patch_um)
    if isinstance(encoder, PatchEncoder):  # all slides before hours are spent on the first
        kept = [check_spots(s.located, encoder=encoder, patch_um=patch_um).spots for s in sections]
        sections = [s.select(spots) for s, spots in zip(sections, kept, strict=True)]
    pictures = thumbnail_px > 0 and all(s.image is not None and s.mpp is not None for s in sections)
    parts = []
    settings = _Settings(encoder, patch_um, context, thumbnail_px if pictures else 0, cache)
    for section in track(sections, label="bank", total=len(sections)):
        if section.image is None:
            parts.append(_bank_of(section, None, settings))
            continue
        with opened(section.image) as slide:
            parts.append(_bank_of(section, slide, settings))
    return join_banks(parts)


@dataclass(frozen=True, eq=False)
class _Settings:
    """How the sections of one bank are embedded and pictured."""

    encoder: Encoder | None
    patch_um: float
    context: int
    thumbnail_px: int
    cache: str | Path | None


def _bank_of(section: Section, slide: Slide | None, settings: _Settings) -> Bank:
    """Return the bank of one section, whose image was opened once."""
    vectors, thumbnails = None, None
    if settings.encoder is not None:
        vectors = embed(
            section,
            encoder=settings.encoder,
            patch_um=settings.patch_um,
            context=settings.context,
            cache=settings.cache,
            slide=slide,
            thumbnail_px=settings.thumbnail_px,
        )
        section, thumbnails = section.select(vectors.spots), vectors.thumbnails
    elif settings.thumbnail_px:
        thumbnails = cut_thumbnails(
            section.located,
            patch_um=settings.patch_um,
            size_px=settings.thumbnail_px,
            slide=slide,
        )
    marks = None if slide is None else mark_picture(slide)
    return bank_of_section(section, vectors, thumbnails, marks)


def check_addition(bank: Bank, sections: Sequence[Section]) -> None:
    """Raise `InputError`, before anything is embedded, when sections cannot join a bank."""
    known = [section.slide for section in sections if section.slide in bank.slides.index]
    faults = [f"already in the bank: {listing(known)}"] * bool(known)
    other = [f"{s.slide} is {s.scale}" for s in sections if s.scale != bank.scale]
    faults += [f"the bank holds {bank.scale}: {listing(other)}"] * bool(other)
    raise_all(faults, subject="sections that cannot be added")
    for section in sections:
        check_overlap(bank.genes, section.genes, names=("the bank", section.slide))


def _check_sections(sections: list[Section]) -> None:
    if not sections:
        raise InputError("a bank needs at least one section")
    names, counts = np.unique([section.slide for section in sections], return_counts=True)
    if (counts > 1).any():
        raise InputError(f"slides given twice: {listing(names[counts > 1])}")
    for section in sections[1:]:
        check_overlap(sections[0].genes, section.genes, names=(sections[0].slide, section.slide))
    scales = {section.scale for section in sections}
    if len(scales) > 1:
        by_scale = [f"{s.slide} is {s.scale}" for s in sections]
        raise InputError(
            "sections are on different expression scales",
            expected="one scale for the whole bank",
            got=listing(by_scale),
            fix="use counts throughout",
        )


def bank_of_section(
    section: Section,
    embeddings: Embeddings | None = None,
    thumbnails: np.ndarray | None = None,
    marks: PictureMarks | None = None,
) -> Bank:
    """Return the bank of one section; `join_banks` makes larger ones.

    Parameters
    ----------
    section
        Expression, places and names.
    embeddings
        Embeddings of its spots, in their order.
    thumbnails : (n_spots, px, px, 3) uint8, optional
        Pictures of the patches.
    marks
        Marks of its picture, by which copies of it are found; unknown without them.
    """
    order = np.argsort(section.genes)
    xy = np.full((section.n_spots, 2), np.nan) if section.xy is None else section.xy
    references = pd.DataFrame(
        {
            "slide": section.slide,
            "donor": section.donor,
            "barcode": section.spots,
            "x": xy[:, 0],
            "y": xy[:, 1],
            "total_counts": section.totals,
        },
        index=keys_of(section.slide, section.spots),
    )
    placement = None if embeddings is None else embeddings.placement
    slides = pd.DataFrame(
        {
            "donor": section.donor,
            "mpp": np.nan if section.mpp is None else section.mpp,
            "mpp_source": section.mpp_source,
            "pitch_um": np.nan if placement is None else placement.pitch_um,
            "off_tissue": np.nan if placement is None else placement.off_tissue,
            "notes": "; ".join(section.notes),
            **(marks or PictureMarks()).columns,
            "hash": "",
        },
        index=[section.slide],
    )
    bank = Bank(
        expression=section.expression[:, order],
        genes=section.genes[order],
        references=references,
        measured=np.ones((len(section.genes), 1), bool),
        slides=slides,
        scale=section.scale,
        embeddings=None if embeddings is None else embeddings.vectors,
        encoder=None if embeddings is None else embeddings.encoder,
        thumbnails=thumbnails,
    )
    return replace(bank, slides=slides.assign(hash=hash_slide(bank, section.slide)))


def join_banks(banks: Sequence[Bank]) -> Bank:
    """Return one bank of several: the union of their genes, references in order.

    Raises
    ------
    InputError
        The banks differ in encoder, expression scale or thumbnails, share a slide, or share
        hardly a gene.

    Examples
    --------
    >>> one, other = bank.select(["toy1"]), bank.select(["toy2"])
    >>> join_banks([one, other]).slides.index.tolist()
    ['toy1', 'toy2']
    """
    first, banks = banks[0], list(banks)
    _check_joinable(banks)
    for bank in banks[1:]:
        added = listing(bank.slides.index)
        check_overlap(first.genes, bank.genes, names=(listing(first.slides.index), added))
    joined = join_matrices([bank.matrix for bank in banks])
    return replace(
        first,
        expression=joined.values,
        genes=joined.genes,
        references=pd.concat([bank.references for bank in banks]),
        measured=joined.measured,
        slides=pd.concat([bank.slides for bank in banks]).fillna(
            {"notes": "", **PictureMarks().columns}
        ),
        embeddings=_stack([bank.embeddings for bank in banks]),
        thumbnails=_stack([bank.thumbnails for bank in banks]),
    )


def _stack(arrays: list[np.ndarray | None]) -> np.ndarray | None:
    given = [array for array in arrays if array is not None]
    return np.concatenate(given) if given else None


def _check_joinable(banks: list[Bank]) -> None:
    first = banks[0]
    names = np.concatenate([bank.slides.index.to_numpy(str) for bank in banks])
    values, counts = np.unique(names, return_counts=True)
    faults = [f"slides given twice: {listing(values[counts > 1])}"] * bool((counts > 1).any())
    for bank in banks[1:]:
        added = listing(bank.slides.index)
        if bank.encoder != first.encoder:
            faults.append(f"{added} embedded by {bank.encoder}, the bank by {first.encoder}")
        if bank.scale != first.scale:
            faults.append(f"{added} on the scale {bank.scale}, the bank on {first.scale}")
        shapes = [None if b.thumbnails is None else b.thumbnails.shape[1:] for b in (bank, first)]
        if shapes[0] != shapes[1]:
            faults.append(f"{added} have thumbnails {shapes[0]}, the bank {shapes[1]}")
    raise_all(faults, subject="banks that cannot be joined")
