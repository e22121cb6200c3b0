"""Spots outside of their picture: a few are left out and counted, many are refused."""

from dataclasses import replace

from spatialrag.errors import listing
from spatialrag.expression.section import Section
from spatialrag.slides.patches import find_outside
from spatialrag.slides.slide import opened


def without_outside(section: Section) -> Section:
    """Return a section less the few spots whose centres lie outside of its picture, with a note.

    HEST's registered slides have some beyond the edge (TENX92); a picture of another scale, or with
    its axes swapped, leaves many outside.

    Raises
    ------
    InputError
        What `spatialrag.slides.patches.find_outside` refuses: more than a fifth of the spots.
    """
    if section.image is None or section.xy is None:
        return section
    with opened(section.image) as slide:
        outside = find_outside(section.located, slide)
    if not outside.any():
        return section
    names = listing(section.spots[outside], 3)
    note = (
        f"{int(outside.sum())} of {len(outside)} spots of {section.slide} outside the image left "
        f"out: {names}"
    )
    kept = section.select(section.spots[~outside])
    return replace(kept, notes=(*kept.notes, note))
