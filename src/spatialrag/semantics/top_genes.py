"""The genes a spot expresses most, chosen the same way every time."""

import re

import numpy as np
from scipy import sparse

from spatialrag.errors import InputError

# Mitochondrial and ribosomal transcripts top most spots and say little about tissue.
_UNINFORMATIVE = re.compile(r"^(mt-|rp[sl]\d|mrp[sl]\d)", re.IGNORECASE)


def top_genes(
    expression: np.ndarray | sparse.csr_matrix,
    genes: np.ndarray,
    k: int,
    *,
    uninformative: bool = False,
) -> np.ndarray:
    """Return each spot's most expressed genes, (n_spots, k) positions, -1 where it has fewer.

    Ranked by value, then by gene name; genes at 0 are never listed.

    Parameters
    ----------
    expression : (n_spots, n_genes)
        Not negative, on any scale that keeps a spot's order (counts, log1p, log1p_cp10k).
    genes : (n_genes,)
    k
        Genes per spot.
    uninformative
        Whether mitochondrial and ribosomal genes (MT-, RPS, RPL, MRPS, MRPL) may be listed.

    Raises
    ------
    InputError
        k below 1, names that do not match, negative or non-finite values.
    """
    matrix = sparse.csr_matrix(expression, dtype=np.float64)
    if k < 1 or len(genes) != matrix.shape[1]:
        raise InputError(
            "top genes cannot be chosen",
            expected=f"k of at least 1, {matrix.shape[1]} gene names",
            got=f"k {k}, {len(genes)} names",
        )
    if not (np.isfinite(matrix.data).all() and (matrix.data >= 0).all()):
        raise InputError(
            "top genes need expression that is finite and not negative",
            fix="name the layer that holds counts or their logarithm, not scaled values",
        )
    allowed = np.array([uninformative or not _UNINFORMATIVE.match(gene) for gene in genes], bool)
    rank = np.empty(len(genes), np.int64)
    rank[np.argsort(np.asarray(genes, str), kind="stable")] = np.arange(len(genes))
    found = np.full((matrix.shape[0], k), -1)
    for spot, (start, stop) in enumerate(zip(matrix.indptr, matrix.indptr[1:], strict=False)):
        columns, values = matrix.indices[start:stop], matrix.data[start:stop]
        chosen = allowed[columns] & (values > 0)
        columns, values = columns[chosen], values[chosen]
        best = columns[np.lexsort((rank[columns], -values))[:k]]
        found[spot, : len(best)] = best
    return found
