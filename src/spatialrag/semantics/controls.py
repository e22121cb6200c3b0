"""Vectors that mean nothing: what real semantics must beat."""

from dataclasses import replace

import numpy as np

from spatialrag.semantics.gene_vectors import GeneVectors

_VARIANCE = 0.85  # of SemST's random embeddings


def random_vectors(genes: np.ndarray, dim: int, *, rng: int = 0) -> GeneVectors:
    """Return independent normal vectors, mean 0 and variance 0.85, one per gene."""
    values = np.random.default_rng(rng).normal(0, np.sqrt(_VARIANCE), (len(genes), dim))
    return GeneVectors(genes, values, {"provider": "random", "rng": rng})


def shuffled(vectors: GeneVectors, *, rng: int = 0) -> GeneVectors:
    """Return the same vectors under permuted gene names: the decisive control.

    Everything about the vectors stays but which gene they belong to.
    """
    order = np.random.default_rng(rng).permutation(len(vectors.genes))
    record = {**vectors.record, "shuffled": rng}
    return replace(vectors, vectors=vectors.vectors[order], record=record)
