"""Principal components of log expression, sections brought to one level, nothing made dense."""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, svds

_HIGHEST = 10.0  # standard deviations above the mean at which values of scaled genes are cut


class Expression:
    """Log expression, each gene centred within each section, as an operator.

    Parameters
    ----------
    logs : CSR (n_spots, n_genes)
    sections : (n_spots,), optional
    scaled
        Whether genes are also divided by their standard deviation within each section.
    """

    def __init__(
        self, logs: sparse.csr_matrix, sections: np.ndarray | None, *, scaled: bool
    ) -> None:
        labels = np.zeros(logs.shape[0], int) if sections is None else np.asarray(sections)
        number = np.unique(labels, return_inverse=True)[1].ravel()
        n = logs.shape[0]
        self._of = sparse.csr_matrix((np.ones(n), (np.arange(n), number)))
        size = np.asarray(self._of.sum(axis=0)).ravel()[:, None]
        values = logs.astype(np.float64)
        if scaled:
            values = _unit_variance(values, self._of, size)
        self._values = values
        self._means = np.asarray((self._of.T @ values).todense()) / size

    def axes(self, n: int, smoother: sparse.csr_matrix | None = None) -> np.ndarray:
        """Return the directions of genes in which spots vary most, (n_genes, n), unit vectors.

        Parameters
        ----------
        n
            At most one less than spots and genes.
        smoother : CSR (n_spots, n_spots), optional
            Applied to expression first: directions in which neighborhood means vary.
        """
        values, of, means = self._values, self._of, self._means
        smooth = sparse.identity(values.shape[0], format="csr") if smoother is None else smoother
        operator = LinearOperator(
            values.shape,
            matvec=lambda v: smooth @ (values @ v - of @ (means @ v)),
            rmatvec=lambda u: _transposed(values, of, means, smooth.T @ u),
            dtype=np.float64,
        )
        n = max(min(n, *(size - 1 for size in values.shape)), 1)
        start = np.random.default_rng(0).normal(size=min(values.shape))
        _, sizes, right = svds(operator, k=n, v0=start)
        found = right[np.argsort(-sizes)].T
        signs = np.sign(found[np.abs(found).argmax(axis=0), np.arange(n)])
        return found * np.where(signs == 0, 1, signs)

    def along(self, axes: np.ndarray) -> np.ndarray:
        """Return each spot's expression along directions of genes, (n_spots, n)."""
        return self._values @ axes - self._of @ (self._means @ axes)


def _transposed(
    values: sparse.csr_matrix, of: sparse.csr_matrix, means: np.ndarray, u: np.ndarray
) -> np.ndarray:
    return values.T @ u - means.T @ (of.T @ u)


def _unit_variance(
    values: sparse.csr_matrix, of: sparse.csr_matrix, size: np.ndarray
) -> sparse.csr_matrix:
    """Return genes over their standard deviation within each section, cut where they are rare."""
    mean = np.asarray((of.T @ values).todense()) / size
    square = np.asarray((of.T @ values.multiply(values)).todense()) / size
    spread = np.sqrt(np.maximum(square - mean**2, 1e-12))
    entries = values.tocoo()
    section = of.indices[entries.row]
    highest = (mean + _HIGHEST * spread)[section, entries.col]
    data = np.minimum(entries.data, highest) / spread[section, entries.col]
    return sparse.csr_matrix((data, (entries.row, entries.col)), shape=values.shape)
