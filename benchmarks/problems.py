"""Seeded retrieval problems of real size for the solver benchmarks.

One kind has a benchmark's penalties and one what `GeneRAG` asks at its defaults (`at_defaults`).

Of the first, image features and log-counts share latent factors whose eigenvalues fall as 1/j, as
those of MobileNet embeddings and log-counts of HER2ST do, plus noise. The scale of the features is
pinned so that a solution at scikit-learn's alpha 0.01, l1_ratio 0.9 has about 50 non-zeros.
"""

from pathlib import Path

import numpy as np

from spatialrag import build_bank, read_section
from spatialrag.expression.cohort import read_cohort, read_her2st_cohort
from spatialrag.prediction.generag import GeneRAG
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


def mob(root: Path):
    """MOB1 to MOB3, with color vectors of their pictures."""
    return [
        read_section(
            root / f"MOB{i}.h5ad",
            slide=f"MOB{i}",
            donor=f"animal{i // 3 + 1}",
            image=root / f"MOB{i}.jpg",
            pitch_um=200,
        )
        for i in (1, 2, 3)
    ]


def at_defaults(root: Path, query: str):
    """What `GeneRAG()` solves: one section of ``mob`` or ``mob_mice`` asked of all others."""
    sections = mob(root) if root.name == "mob" else read_cohort(root / "slides.csv")
    bank = build_bank(sections, encoder="color", thumbnail_px=0)
    fitted = GeneRAG().fit(bank.without(slides=[query]))
    return fitted.problem(bank.embeddings_of(query))
