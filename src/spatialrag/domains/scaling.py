"""Genes on one scale, as published networks take them."""

import numpy as np
from scipy import sparse
from sklearn.preprocessing import StandardScaler

_HIGHEST = 10.0


def scale_genes(expression: sparse.csr_matrix) -> np.ndarray:
    """Return expression over each gene's standard deviation, not centered, cut at 10, dense."""
    values = expression.toarray()
    spread = StandardScaler(with_mean=False).fit(values).scale_
    return np.minimum(values / spread, _HIGHEST).astype(np.float32)
