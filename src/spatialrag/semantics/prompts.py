"""What a language model is told about spots and genes."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd

from spatialrag.errors import InputError, check_choice

# The prompt of SemST's supplement, word for word.
INSTRUCTION = (
    "You are an expert in bioinformatics. Represent the biological state of a cell characterized "
    "by the following highly expressed genes. Focus on capturing the functional essence relevant "
    "for spatial domain identification."
)
GeneText = Literal["summary", "symbol"]
GENE_TEXTS = get_args(GeneText)
# Says something, but nothing about biology: SemST's "unrelated prompt".
_UNRELATED = "The train to the coast leaves at noon and passes {n} stations."


def spot_prompt(symbols: Sequence[str]) -> str:
    """Return SemST's user turn for a spot whose top genes these are."""
    return f"Highly expressed genes: {', '.join(symbols)}."


def unrelated_prompt(symbols: Sequence[str]) -> str:
    """Return a text as different between spots as their genes are, without biology in it."""
    return _UNRELATED.format(n=sum(map(ord, "".join(symbols))) % 997)


def gene_text(symbol: str, summary: str = "", *, kind: GeneText = "summary") -> str:
    """Return a gene's text.

    Parameters
    ----------
    symbol, summary
        Symbol and summary of the gene.
    kind
        ``summary``: symbol and description; ``symbol``: the symbol alone.
    """
    check_choice(kind, GENE_TEXTS, name="kind of gene text")
    return f"{symbol}: {summary}" if kind == "summary" else f"Gene {symbol}"


def gene_texts(
    genes: np.ndarray, summaries: pd.Series | None, *, kind: GeneText = "summary"
) -> tuple[np.ndarray, list[str]]:
    """Return the genes that have a text, and their texts.

    Parameters
    ----------
    genes
        Symbols.
    summaries
        Text by symbol (`read_summaries`); needed for ``kind="summary"``, where genes without one
        are left out.
    kind
        As in `gene_text`.
    """
    if kind == "symbol":
        return np.asarray(genes, str), [gene_text(gene, kind=kind) for gene in genes]
    if summaries is None:
        raise InputError("texts of genes need their descriptions", fix="give a table of summaries")
    by_symbol = dict(zip(summaries.index.str.upper(), summaries, strict=True))
    kept = [gene for gene in map(str, genes) if gene.upper() in by_symbol]
    return np.array(kept, str), [gene_text(g, by_symbol[g.upper()], kind=kind) for g in kept]
