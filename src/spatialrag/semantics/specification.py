"""Semantics by name, for the command line and for people in a hurry."""

from pathlib import Path
from typing import Literal, get_args

import numpy as np

from spatialrag.errors import InputError, check_choice
from spatialrag.semantics.controls import random_vectors, shuffled
from spatialrag.semantics.descriptions import describe, read_summaries
from spatialrag.semantics.embedder import embedder_of
from spatialrag.semantics.gene_texts import embed_genes
from spatialrag.semantics.gene_vectors import GeneVectors
from spatialrag.semantics.prompts import GeneText
from spatialrag.semantics.spots import PerGene, PerSpot, RandomSpots, Semantics
from spatialrag.semantics.table import read_gene_vectors

Mode = Literal["per_gene", "per_spot"]
MODES = get_args(Mode)


def semantics_of(
    specification: str,
    genes: np.ndarray,
    *,
    k: int = 30,
    mode: Mode = "per_gene",
    summaries: str | Path | None = None,
    cache: str | Path | None = None,
    shuffle: bool = False,
    rng: int = 0,
) -> Semantics | None:
    """Return what a specification names.

    Parameters
    ----------
    specification
        ``none``; ``genes:FILE``, descriptions without a language model; ``table:FILE``, vectors
        of genes; ``random``, a control; or a language model of
        `spatialrag.semantics.embedder.embedder_of`, say ``endpoint:URL#MODEL`` or ``minilm``.
    genes
        Genes of the tissue.
    k
        Top genes per spot.
    mode
        For language models: ``per_gene`` reads a text per gene, ``per_spot`` SemST's prompt.
    summaries
        Table of descriptions for ``per_gene``; symbols alone without.
    cache
        Folder for vectors of texts.
    shuffle
        Permute genes: the control that real semantics must beat.
    rng
        Seed of controls.

    Raises
    ------
    InputError
        An unknown name, a file that does not fit, or shuffling of what has no vectors of genes.

    Examples
    --------
    >>> type(semantics_of("random_genes", section.genes)).__name__
    'PerGene'
    """
    check_choice(mode, MODES, name="mode")
    name, _, where = specification.partition(":")
    if name in ("none", "random") and shuffle:
        raise InputError(f"{name} has no genes to shuffle")
    if name == "none":
        return None
    if name == "random":
        return RandomSpots(seed=rng)
    if name not in ("genes", "table", "random_genes") and mode == "per_spot":
        if shuffle:
            raise InputError("only vectors of genes can be shuffled", fix="use mode='per_gene'")
        return PerSpot(embedder_of(specification), k=k, cache=cache)
    vectors = _vectors(specification, name, where, genes, summaries, cache, rng)
    return PerGene(shuffled(vectors, rng=rng) if shuffle else vectors, k=k)


def _vectors(
    specification: str,
    name: str,
    where: str,
    genes: np.ndarray,
    summaries: str | Path | None,
    cache: str | Path | None,
    rng: int,
) -> GeneVectors:
    if name == "genes":
        return describe(read_summaries(where), genes)
    if name == "table":
        return read_gene_vectors(where)
    if name == "random_genes":
        return random_vectors(genes, 128, rng=rng)
    texts = None if summaries is None else read_summaries(summaries)
    kind: GeneText = "symbol" if texts is None else "summary"
    return embed_genes(embedder_of(specification), genes, summaries=texts, kind=kind, cache=cache)
