"""A metric close to a Gram matrix and cheap to invert: a few leading directions and the rest.

The steps of `together` are proximal in M = F'F + r I with F of some ten rows. Columns of expression
and images share a large mean and a few strong components; without these a Gram matrix is nearly
isotropic, so that steps in M converge in a handful where plain gradient steps need hundreds.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

_RANK = 12
_TURNS = 4  # of the subspace iteration
_POWER_STEPS = 12
_SAFE = 1.05  # times the power iteration's estimate, which is from below


@dataclass(frozen=True, eq=False)
class Metric:
    """M = F'F + r I, at least the Gram matrix it stands for (up to the safety of r).

    Parameters
    ----------
    factors : (rank, n_references)
        F, float32.
    rest
        r.
    """

    factors: np.ndarray
    rest: float

    @classmethod
    def of(cls, rows: np.ndarray, row_weights: np.ndarray) -> "Metric":
        """Approximate D'W D, without computing it.

        Parameters
        ----------
        rows : (n_references, m)
            D', float32.
        row_weights : (m,)
            The diagonal of W.
        """
        rng = np.random.default_rng(0)
        weights = row_weights.astype(rows.dtype)[:, None]

        def gram(vectors: np.ndarray) -> np.ndarray:
            return rows @ (weights * (rows.T @ vectors))

        basis = rng.standard_normal((len(rows), min(_RANK, len(rows)))).astype(rows.dtype)
        for _ in range(_TURNS):
            basis, _ = np.linalg.qr(gram(basis))
        values, turn = np.linalg.eigh(basis.T @ gram(basis))
        values = np.maximum(values, 0)
        factors = np.ascontiguousarray(np.sqrt(values)[:, None] * (basis @ turn).T)
        vector = rng.standard_normal((len(rows), 1)).astype(rows.dtype)
        for _ in range(_POWER_STEPS):
            length = float(np.linalg.norm(vector))
            if length == 0:
                break
            vector /= length
            vector = gram(vector) - factors.T @ (factors @ vector)
        return cls(factors, _SAFE * float(np.linalg.norm(vector)))

    def condition(self, l2: float) -> float:
        """Return the condition number of G + l2 in this metric, at most."""
        return 1 + self.rest / l2

    def curvatures(self, active: np.ndarray) -> np.ndarray:
        """Return F_A F_A' of each query's active references, (n_queries, rank, rank).

        ``active`` is (n_queries, n_references) float32 of zeros and ones.
        """
        rank = len(self.factors)
        return (active @ self._products).reshape(len(active), rank, rank)

    @cached_property
    def _products(self) -> np.ndarray:
        """Every product of two directions, (n_references, rank²)."""
        products = self.factors[:, None] * self.factors[None]
        return np.ascontiguousarray(products.reshape(-1, self.factors.shape[1]).T)
