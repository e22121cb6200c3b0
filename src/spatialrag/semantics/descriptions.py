"""Gene vectors from descriptions without any language model: TF-IDF and its main directions."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from spatialrag.errors import InputError
from spatialrag.provenance import origin
from spatialrag.semantics.gene_vectors import GeneVectors
from spatialrag.tables.table import read_table

# (symbol, text) columns that tables of gene summaries are known to have.
_COLUMNS = (("symbol", "Gene_summary"), ("mouse_symbol", "human_summary"), ("symbol", "summary"))


def read_summaries(path: str | Path) -> pd.Series:
    """Return gene descriptions by symbol, without empty ones.

    Parameters
    ----------
    path
        Tab- or comma-separated, possibly compressed, with columns ``symbol`` and ``Gene_summary``
        or ``summary``, or ``mouse_symbol`` and ``human_summary``. Of a symbol that occurs twice,
        in whatever case, the longer text is kept.

    Raises
    ------
    InputError
        No such file, or other columns.
    """
    path = Path(path)
    table = read_table(path, as_text=True).frame
    for symbol, text in _COLUMNS:
        if {symbol, text} <= set(table.columns):
            found = table[[symbol, text]][(table[symbol] != "") & (table[text] != "")]
            found = found.loc[found[text].str.len().sort_values(kind="stable").index]
            last = ~found[symbol].str.upper().duplicated(keep="last")
            return found[last].set_index(symbol)[text].sort_index()
    raise InputError(
        f"{path} is not a table of gene descriptions",
        expected=" or ".join(f"columns {a} and {b}" for a, b in _COLUMNS),
        got=", ".join(map(str, table.columns)),
    )


def describe(
    summaries: pd.Series, genes: np.ndarray, *, dim: int = 128, rng: int = 0
) -> GeneVectors:
    """Return vectors of genes from words of their descriptions.

    Parameters
    ----------
    summaries
        Text by symbol, from `read_summaries`. The main directions are those of all of them, so a
        gene's vector does not depend on which others are asked for.
    genes
        Those that have no description get no vector.
    dim
        Directions kept, at most.
    rng
        Seed of the randomized decomposition.

    Raises
    ------
    InputError
        None of the genes is described.
    """
    texts = summaries.to_numpy(str)
    counts = TfidfVectorizer(sublinear_tf=True, stop_words="english").fit_transform(texts)
    n = min(dim, min(counts.shape) - 1)
    values = TruncatedSVD(max(n, 1), random_state=rng).fit_transform(counts)
    everything = GeneVectors(summaries.index.to_numpy(), values, origin(None))
    position = everything.positions_of(genes)
    if (position < 0).all():
        raise InputError(
            "none of the genes is described",
            expected=f"symbols like {', '.join(summaries.index[:3])}",
            got=", ".join(map(str, genes[:3])),
        )
    found = position >= 0
    record = {**origin(None), "provider": "descriptions", "dim": int(values.shape[1]), "rng": rng}
    return GeneVectors(np.asarray(genes)[found], values[position[found]], record)
