"""References' expression, smoothed: what they share in a few principal components.

A spot's counts are few: most of what one reference measured of one gene is noise. References that
vary together over a few principal components lend each other their counts; Eq. 2 then sums, of
every reference, a share of this smoothed expression and the rest as it was measured. The basis is
of the references alone, and never of truth or query.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg, sparse
from sklearn.decomposition import PCA

_BLOCK = 512  # genes at a time: smoothed values are dense


@dataclass(frozen=True, eq=False)
class Smoothing:
    """Expression of references in few components, and how much of it Eq. 2 takes.

    Parameters
    ----------
    share
        Share of the smoothed expression, in [0, 1]; the rest is measured.
    scores : (n_references, k) float32
    loadings : (k, n_genes) float32
    mean : (n_genes,) float32
    """

    share: float
    scores: np.ndarray
    loadings: np.ndarray
    mean: np.ndarray

    def of(self, references: np.ndarray) -> "Smoothing":
        """Return that of some references, by position or mask."""
        return replace(self, scores=self.scores[references])

    def over(self, genes: np.ndarray) -> "Smoothing":
        """Return that of some genes, by position or mask."""
        return replace(self, loadings=self.loadings[:, genes], mean=self.mean[genes])

    def values(self, genes: np.ndarray | slice) -> np.ndarray:
        """Return smoothed expression (n_references, n_chosen), never below 0, float32."""
        return np.maximum(self.scores @ self.loadings[:, genes] + self.mean[genes], 0)

    def blocks(self) -> Iterator[slice]:
        """Yield all genes in blocks."""
        n_genes = len(self.mean)
        for start in range(0, n_genes, _BLOCK):
            yield slice(start, min(start + _BLOCK, n_genes))


def fit_smoothing(
    expression: sparse.csr_matrix, measured: np.ndarray, *, share: float, components: int
) -> Smoothing | None:
    """Return the references' expression in principal components; None where nothing is smoothed.

    Components are of the genes that every reference measured. Genes that some lack are regressed
    on them over the references that measured them.

    Parameters
    ----------
    expression : CSR (n_references, n_genes)
        On the prediction's scale.
    measured : (n_references, n_genes) bool
        Whether a reference's slide measured a gene.
    share
        As in `Smoothing`; 0 for none.
    components
        At most so many.
    """
    everywhere = np.flatnonzero(measured.all(axis=0))
    count = min(components, expression.shape[0] - 1, len(everywhere) - 1)
    if share == 0 or count < 1:
        return None
    # Lanczos on the sparse matrix, centred implicitly, from one start: the same bits every time.
    model = PCA(count, svd_solver="arpack", random_state=0)
    scores = model.fit_transform(expression[:, everywhere])
    loadings = np.zeros((count, expression.shape[1]), np.float32)
    mean = np.zeros(expression.shape[1], np.float32)
    loadings[:, everywhere], mean[everywhere] = model.components_, model.mean_
    for genes, references in _partly_measured(measured):
        truth = expression[references][:, genes].toarray()
        level, center = truth.mean(axis=0), scores[references].mean(axis=0)
        fitted = _regress(scores[references] - center, truth - level)
        loadings[:, genes], mean[genes] = fitted, level - center @ fitted
    return Smoothing(share, scores.astype(np.float32), loadings, mean)


def _partly_measured(measured: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield genes that the same references measured, and these; not those all or none measured."""
    count = measured.sum(axis=0)
    some = np.flatnonzero((count > 0) & (count < len(measured)))
    patterns, which = np.unique(measured[:, some], axis=1, return_inverse=True)
    for i, pattern in enumerate(patterns.T):
        yield some[which.ravel() == i], np.flatnonzero(pattern)


def _regress(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return ridge coefficients, hardly penalized: few references may not span all components."""
    gram = x.T @ x
    gram[np.diag_indices_from(gram)] += 1e-3 * max(float(np.trace(gram)) / len(gram), 1e-12)
    return linalg.solve(gram, x.T @ y, assume_a="pos")
