"""Gene vectors from a language model: one text per gene."""

from pathlib import Path

import numpy as np
import pandas as pd

from spatialrag.errors import InputError
from spatialrag.semantics.cache import embed_texts
from spatialrag.semantics.embedder import TextEmbedder
from spatialrag.semantics.gene_vectors import GeneVectors
from spatialrag.semantics.prompts import GeneText, gene_texts


def embed_genes(
    embedder: TextEmbedder,
    genes: np.ndarray,
    *,
    summaries: pd.Series | None = None,
    kind: GeneText = "summary",
    cache: str | Path | None = None,
) -> GeneVectors:
    """Return vectors of genes from what a language model makes of their texts.

    Parameters
    ----------
    embedder
        Language model.
    genes
        Symbols.
    summaries, kind
        As in `spatialrag.semantics.prompts.gene_texts`; genes without a text get no vector.
    cache
        Folder of `embed_texts`.

    Raises
    ------
    InputError
        No gene has a text, or as `embed_texts` does.
    """
    named, texts = gene_texts(genes, summaries, kind=kind)
    if not texts:
        raise InputError("none of the genes has a description", fix="check the species")
    vectors = embed_texts(embedder, texts, cache=cache)
    return GeneVectors(named, vectors, {**embedder.identity, "text": kind})
