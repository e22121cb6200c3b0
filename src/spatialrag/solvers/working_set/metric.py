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
_POWER_STEPS = 15
_SAFE = 1.05  # times the power iteration's estimate, which is from below


@dataclass(frozen=True, eq=False)
class Metric:
    """M = F'F + r I, at least the Gram matrix it was made from (up to the safety of r).

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
    def of(cls, gram: np.ndarray) -> "Metric":
        """Approximate a positive semidefinite matrix, (n, n) float32."""
        rng = np.random.default_rng(0)
        basis = rng.standard_normal((len(gram), min(_RANK, len(gram)))).astype(gram.dtype)
        for _ in range(_TURNS):
            basis, _ = np.linalg.qr(gram @ basis)
        values, turn = np.linalg.eigh(basis.T @ (gram @ basis))
        values = np.maximum(values, 0)
        factors = np.ascontiguousarray(np.sqrt(values)[:, None] * (basis @ turn).T)
        return cls(factors, _SAFE * _rest(gram, factors, rng))

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


def _rest(gram: np.ndarray, factors: np.ndarray, rng: np.random.Generator) -> float:
    """Return the largest eigenvalue of G − F'F by power iterations."""
    vector = rng.standard_normal(len(gram)).astype(gram.dtype)
    length = 0.0
    for _ in range(_POWER_STEPS):
        length = float(np.linalg.norm(vector))
        if length == 0:
            break
        vector /= length
        vector = gram @ vector - (factors @ vector) @ factors
    return float(np.linalg.norm(vector))
