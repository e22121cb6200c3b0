"""One vector per gene, and what a spot's vector is made of."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag.errors import InputError, listing

_LEAST_COVERAGE = 0.5


@dataclass(frozen=True, eq=False)
class GeneVectors:
    """Vectors of genes.

    Parameters
    ----------
    genes : (n_genes,)
        Unique symbols; case does not matter when they are looked up.
    vectors : (n_genes, dim)
        float32, finite.
    record
        Where they come from: model, revision, pooling, template, or the control's seed.

    Examples
    --------
    >>> vectors = GeneVectors(np.array(["ACTB", "ERBB2"]), np.eye(2, dtype=np.float32))
    >>> vectors.genes.tolist()
    ['ACTB', 'ERBB2']
    """

    genes: np.ndarray
    vectors: np.ndarray
    record: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        genes = np.asarray(self.genes, object).astype(str)
        vectors = np.ascontiguousarray(self.vectors, np.float32)
        if vectors.ndim != 2 or len(vectors) != len(genes) or vectors.shape[1] == 0:
            raise InputError(
                "gene vectors do not match their genes",
                expected=f"({len(genes)}, dim)",
                got=f"{vectors.shape}",
            )
        twice = pd.Index(np.char.upper(genes)).duplicated()
        if twice.any():
            raise InputError(f"genes with more than one vector: {listing(genes[twice])}")
        if not np.isfinite(vectors).all():
            raise InputError("gene vectors contain NaN or inf")
        object.__setattr__(self, "genes", genes)
        object.__setattr__(self, "vectors", vectors)

    def positions_of(self, genes: np.ndarray) -> np.ndarray:
        """Return where each gene's vector is, -1 where it has none."""
        known = pd.Index(np.char.upper(self.genes))
        return known.get_indexer(np.char.upper(np.asarray(genes, str)))

    def require_coverage(self, genes: np.ndarray) -> float:
        """Return the share of genes that have a vector, or raise when it is below one half."""
        share = float((self.positions_of(genes) >= 0).mean())
        if share < _LEAST_COVERAGE:
            raise InputError(
                f"only {share:.0%} of the genes have a vector",
                expected=f"symbols like {listing(self.genes[:3])}",
                got=listing(np.asarray(genes)[self.positions_of(genes) < 0]),
                fix="use a table of the same species and of symbols, not identifiers",
            )
        return share

    def standardized(self) -> "GeneVectors":
        """Return vectors whose dimensions have mean 0 and variance 1 over genes.

        Pooled hidden states share one large common component; without this it drowns the rest.
        Dimensions without variance become 0.
        """
        spread = self.vectors.std(axis=0)
        centered = self.vectors - self.vectors.mean(axis=0)
        vectors = np.divide(centered, spread, out=np.zeros_like(centered), where=spread > 0)
        return GeneVectors(self.genes, vectors, {**self.record, "standardized": True})

    def spot_vectors(self, top: np.ndarray, genes: np.ndarray) -> np.ndarray:
        """Return the mean vector of each spot's top genes, (n_spots, dim) float32.

        Genes without a vector are left out of the mean; a spot with none of them gets zeros.

        Parameters
        ----------
        top : (n_spots, k)
            Positions in ``genes``, -1 for none, from `top_genes`.
        genes : (n_genes,)
            What the positions mean.

        Raises
        ------
        InputError
            Fewer than half of the genes that are listed have a vector.
        """
        listed = np.unique(top[top >= 0])
        if len(listed):
            self.require_coverage(np.asarray(genes)[listed])
        where = np.append(self.positions_of(genes), -1)[top]
        spot, _ = np.nonzero(where >= 0)
        ones = np.ones(len(spot))
        shape = (len(top), len(self.genes))
        chosen = sparse.csr_matrix((ones, (spot, where[where >= 0])), shape=shape)
        count = np.maximum(np.asarray(chosen.sum(axis=1)), 1)
        return np.asarray(chosen @ self.vectors / count, np.float32)
