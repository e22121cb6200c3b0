"""Seeded retrieval problems of real size for the solver benchmarks.

Image features and log-counts share latent factors whose eigenvalues fall as 1/j, as those of
MobileNet embeddings and log-counts of HER2ST do, plus noise. The scale of the features is pinned so
that a solution at scikit-learn's alpha 0.01, l1_ratio 0.9 has about 50 non-zeros.
"""

from pathlib import Path

import numpy as np

from spatialrag import build_bank
from spatialrag.expression.cohort import read_her2st_cohort
from spatialrag.solvers.problem import Problem

FACTORS, NOISE, SCALE = 500, 0.3, 0.3
ALPHA, L1_RATIO = 0.01, 0.9


class Generator:
    """Blocks of references, (some, n_image + n_anchors) float32, from one seed."""

    def __init__(self, n_image: int, n_anchors: int) -> None:
        rng = np.random.default_rng(0)
        spread = np.arange(1, FACTORS + 1) ** -0.5
        loadings = rng.standard_normal((FACTORS, n_image + n_anchors))
        loadings *= (spread / np.sqrt(np.sum(spread**2)))[:, None]
        self.loadings = loadings.astype(np.float32)
        self.level = rng.normal(0, 1, n_anchors).astype(np.float32)
        self.n_image = n_image

    def block(self, n: int, seed: int) -> np.ndarray:
        rng = np.random.default_rng([1, seed])
        values = rng.standard_normal((n, FACTORS), np.float32) @ self.loadings
        values += np.float32(NOISE) * rng.standard_normal(values.shape, np.float32)
        rates = np.exp(values[:, self.n_image :] + self.level)
        values[:, self.n_image :] = np.log1p(rng.poisson(rates)) - np.log1p(np.exp(self.level))
        return np.float32(SCALE) * values


def problem_of(design, targets):
    """State Eq. 1 at scikit-learn's settings."""
    m = len(targets)
    return Problem(design, targets, m * ALPHA * L1_RATIO, m * ALPHA * (1 - L1_RATIO))


def generated(n_references: int, n_queries: int, n_image: int = 1024, n_anchors: int = 300):
    generator = Generator(n_image, n_anchors)
    rows, queries = generator.block(n_references, 0), generator.block(n_queries, 1)
    return problem_of(rows.T, np.ascontiguousarray(queries.T))


def her2st(root: Path, n_image: int = 1024, n_anchors: int = 300, query: str = "C2"):
    """Real log-counts as anchors beside image features generated from their components."""
    bank = build_bank(read_her2st_cohort(root), thumbnail_px=0)
    held_out = (bank.references["slide"] == query).to_numpy()
    counts = bank.on_scale("counts")[:, bank.measured_everywhere].toarray()
    logs = np.log1p(counts[:, np.argsort(-counts[~held_out].var(axis=0))[:n_anchors]])
    centered = logs - logs[~held_out].mean(axis=0)
    rng = np.random.default_rng(0)
    generator = Generator(n_image, 1)
    mixing = rng.standard_normal((n_anchors, n_image)) / np.sqrt(n_anchors)
    image = centered @ mixing + generator.block(len(logs), 2)[:, :n_image] / SCALE
    image /= image[~held_out].std()
    values = SCALE * np.concatenate([image, logs / logs[~held_out].std()], axis=1)
    values = values.astype(np.float32)
    rows, queries = values[~held_out], values[held_out]
    return problem_of(rows.T, np.ascontiguousarray(queries.T))
