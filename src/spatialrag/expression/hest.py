"""The layout of HEST-1k: ``st/``, ``wsis/``, ``patches/``, ``metadata/`` (Jaume et al. 2024)."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spatialrag.errors import InputError, listing
from spatialrag.expression.h5ad import read_h5ad
from spatialrag.expression.library import label_text
from spatialrag.expression.outside import without_outside
from spatialrag.expression.section import Section
from spatialrag.progress import track
from spatialrag.provenance import fingerprint
from spatialrag.slides.patch_slide import PatchSlide
from spatialrag.slides.platforms import check_pitch
from spatialrag.tables.numbers import is_number
from spatialrag.tables.table import read_table
from spatialrag.tables.text import read_json

_PIXEL_SIZES = ("pixel_size_um_estimated", "pixel_size_um_embedded")


def hest_slides(root: str | Path) -> list[str]:
    """Return the identifiers of slides with expression, e.g. ``['SPA119', …]``."""
    names = sorted(path.stem for path in (Path(root) / "st").glob("*.h5ad"))
    if not names:
        raise InputError(
            f"{root} is not a HEST-1k folder",
            expected="st/<id>.h5ad below it, and wsis/, patches/, metadata/ beside that",
            fix="`spatialrag datasets fetch` a HEST cohort, or give the folder of your download",
        )
    return names


def read_hest_section(root: str | Path, slide: str) -> Section:
    """Read one slide: counts, spot centres, donor, and its image.

    The image is ``wsis/<id>.tif``, else ``patches/<id>.h5``; of patches, joined by barcode, only
    spots that have one are kept (HEST cuts none where there is little tissue). Pixel size is
    HEST's estimate from the spot pitch. ``in_tissue`` is not read: it is not meaningful there.

    Parameters
    ----------
    root
        The folder with ``st/`` in it.
    slide
        HEST's identifier.

    Raises
    ------
    InputError
        Unknown slides, no metadata, or no stated pixel size.
    """
    root = Path(root)
    known = hest_slides(root)
    if slide not in known:
        raise InputError(f"no slide {slide!r} in {root}", expected=f"one of {listing(known)}")
    facts = _metadata(root, slide)
    donor = _text(facts.get("patient"))
    notes = []
    if not donor:
        notes.append("doubtful donor: no patient is stated, the slide stands for itself")
    elif facts.get("st_technology") == "Visium HD":
        notes.append("doubtful donor: patients of HEST's Visium HD slides are known to be mixed up")
    path = root / "st" / f"{slide}.h5ad"
    section = read_h5ad(path, slide=slide, donor=donor or slide, glass=True)
    mpp = next((size for key in _PIXEL_SIZES if (size := _length(facts.get(key)))), None)
    if mpp is None:
        raise InputError(
            f"the pixel size of {slide!r} is unknown",
            expected=f"{' or '.join(_PIXEL_SIZES)} in its metadata, a number above 0",
            got=listing(repr(facts.get(key)) for key in _PIXEL_SIZES),
        )
    section = section.with_image(None, mpp, "HEST metadata")
    if section.xy is not None:
        check_pitch(section.located)
    section = _with_image(section, root)
    return replace(section, notes=(*section.notes, *notes))


def read_hest_cohort(root: str | Path, slides: Sequence[str] | None = None) -> list[Section]:
    """Read slides of a HEST-1k folder, all of them by default.

    Donors of different data sets are told apart where they share a name. What is doubtful about
    donors is in the sections' notes, and warned about once: donors are what is left out.

    Raises
    ------
    InputError
        Slides with the same counts under two names: one of them would leak into the other's fold.

    Examples
    --------
    >>> sections = sr.read_hest_cohort("hest_data", ["TENX99"])  # doctest: +SKIP
    """
    root = Path(root)
    names = list(slides or hest_slides(root))
    sections = [
        read_hest_section(root, name) for name in track(names, label="slides", total=len(names))
    ]
    _check_duplicates(sections)
    doubtful = [s.slide for s in sections if any("doubtful" in note for note in s.notes)]
    if doubtful:
        warnings.warn(
            f"{len(doubtful)} slides have doubtful donors: {listing(doubtful)}", stacklevel=2
        )
    return _distinct_donors(sections, root)


def _metadata(root: Path, slide: str) -> dict[str, Any]:
    path = root / "metadata" / f"{slide}.json"
    if path.is_file():
        return read_json(path, expected="HEST's metadata (JSON)")
    for path in sorted(root.glob("HEST_v*.csv"), reverse=True):
        table = read_table(path, as_text=True)
        table.require(["id"], purpose="names of slides")
        rows = table.frame[table.frame["id"] == slide]
        if len(rows):
            return rows.iloc[0].to_dict()
    raise InputError(
        f"slide {slide!r} has no metadata",
        expected=f"metadata/{slide}.json, or a line in HEST_v*.csv: pixel size and patient",
    )


def _length(value: object) -> float | None:
    """Return a stated length, a number or text of one, or None."""
    text = str(value)
    return float(text) if is_number(text) and "," not in text and float(text) > 0 else None


def _text(value: object) -> str:
    """Return a stated value as text; numbers of patients may have come as floats."""
    text = label_text(value)
    return "" if text in ("nan", "None") else text


def _with_image(section: Section, root: Path) -> Section:
    whole = root / "wsis" / f"{section.slide}.tif"
    if whole.is_file():
        return without_outside(section.with_image(whole, section.mpp, section.mpp_source))
    patches = root / "patches" / f"{section.slide}.h5"
    if not patches.is_file():
        return section
    slide = PatchSlide(patches)
    slide.close()
    keep = np.isin(section.spots, slide.barcodes)
    if not keep.any():
        raise InputError(
            f"no patch of {patches.name} belongs to a spot of {section.slide!r}",
            expected=f"barcodes such as {listing(section.spots, 2)}",
            got=listing(slide.barcodes, 2),
        )
    note = (f"{(~keep).sum()} of {len(keep)} spots have no patch and are left out",)
    kept = section.select(section.spots[keep])
    kept = kept.with_image(patches, section.mpp, section.mpp_source)
    return replace(kept, notes=kept.notes + note * bool((~keep).any()))


def _check_duplicates(sections: list[Section]) -> None:
    by_content: dict[str, list[str]] = {}
    for section in sections:
        order = np.argsort(section.genes)
        made = fingerprint(np.sort(section.totals), np.sort(section.genes)) + fingerprint(
            np.asarray(section.expression.sum(axis=0)).ravel()[order]
        )
        by_content.setdefault(made, []).append(section.slide)
    same = [" = ".join(names) for names in by_content.values() if len(names) > 1]
    if same:
        raise InputError(
            f"the same counts under several names: {listing(same)}",
            expected="every slide once: a copy in the bank knows the answer",
            fix="name the slides to be read, leaving one of each out",
        )


def _distinct_donors(sections: list[Section], root: Path) -> list[Section]:
    cohorts = {s.slide: _text(_metadata(root, s.slide).get("dataset_title")) for s in sections}
    titles: dict[str, set[str]] = {}
    for section in sections:
        titles.setdefault(section.donor, set()).add(cohorts[section.slide])
    return [
        replace(section, donor=f"{section.donor} ({cohorts[section.slide]})")
        if len(titles[section.donor]) > 1
        else section
        for section in sections
    ]
