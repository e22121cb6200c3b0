"""Genes of sections that are to be joined: names of one kind, with or without Ensembl versions."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spatialrag.errors import InputError, listing
from spatialrag.expression.gene_names import is_ensembl, without_versions
from spatialrag.expression.section import Section

FEWEST = 0.1  # share of the smaller panel that two sections must share


def agree_on_genes(sections: Sequence[Section]) -> list[Section]:
    """Return sections whose genes can be joined by name.

    Where some name genes by Ensembl ids with versions (``ENSG….5``) and others without, or with
    other versions, the versions go, with a note.

    Raises
    ------
    InputError
        A section shares fewer than a tenth of its genes with the first: symbols beside ids, or
        another species.
    """
    sections = list(sections)
    if len(sections) > 1 and _differ_in_versions(sections):
        sections = [_without_versions(section) for section in sections]
    for section in sections[1:]:
        check_overlap(sections[0].genes, section.genes, names=(sections[0].slide, section.slide))
    return sections


def check_overlap(first: np.ndarray, other: np.ndarray, *, names: tuple[str, str]) -> None:
    """Raise `InputError` when two panels share fewer than a tenth of the smaller one.

    Parameters
    ----------
    first, other
        Names of genes.
    names
        Names of the slides or data sets, for the message.
    """
    shared = len(np.intersect1d(first, other))
    if shared >= FEWEST * min(len(first), len(other)):
        return
    kinds = [_kind(genes) for genes in (first, other)]
    fix = "use one species and one kind of names"
    if kinds[0] != kinds[1]:
        fix = (
            "name the column that holds the other kind (gene_column in slides.csv: gene_ids for "
            "ids, feature_name for symbols)"
        )
    raise InputError(
        f"{names[0]} and {names[1]} share {shared} of their genes",
        expected=f"at least {FEWEST:.0%} of the smaller panel",
        got=f"{kinds[0]} such as {listing(first, 3)}; {kinds[1]} such as {listing(other, 3)}",
        fix=fix,
    )


def _kind(genes: np.ndarray) -> str:
    return "Ensembl ids" if is_ensembl(genes) else "symbols"


def _differ_in_versions(sections: Sequence[Section]) -> bool:
    """Return whether dropping versions lets sections share more genes."""
    first = sections[0].genes
    bare = without_versions(first)
    for section in sections[1:]:
        other = without_versions(section.genes)
        if len(np.intersect1d(bare, other)) > len(np.intersect1d(first, section.genes)):
            return True
    return False


def _without_versions(section: Section) -> Section:
    genes = without_versions(section.genes)
    changed = int((genes != section.genes).sum())
    if not changed or len(np.unique(genes)) < len(genes):
        return section
    note = f"versions of {changed} Ensembl ids of {section.slide} left out, to join other slides"
    return replace(section, genes=genes, notes=(*section.notes, note))
