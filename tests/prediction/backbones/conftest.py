"""A slide of 32 spots whose genes can be told from their embeddings."""

import numpy as np
import pytest

from spatialrag.bank.build import bank_of_section, join_banks
from spatialrag.encoders.embeddings import Embeddings, EncoderRecord
from spatialrag.expression.section import Section


def slide_of_spots(name, donor, *, n=32, seed=0):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 12)).astype(np.float32)
    xy = np.stack(np.divmod(np.arange(n), 8), axis=1)[:, ::-1] * 100.0 + 50
    mixing = np.random.default_rng(1).normal(size=(12, 10))
    counts = np.random.default_rng(seed + 50).poisson(np.exp(vectors @ mixing * 0.4 + 2))
    spots = [f"{i}" for i in range(n)]
    genes = [f"G{i}" for i in range(10)]
    section = Section(name, donor, counts.astype(np.float32), genes, spots, xy, mpp=1.0)
    record = EncoderRecord("made", "up", 12, 100.0, 0)
    return bank_of_section(
        section, Embeddings(vectors, name, np.array(spots, str), xy, 1.0, record)
    )


@pytest.fixture(scope="session")
def small():
    return slide_of_spots("s0", "d0")


@pytest.fixture(scope="session")
def three():
    """Three slides of three donors."""
    return join_banks([slide_of_spots(f"s{i}", f"d{i}", seed=i) for i in range(3)])


@pytest.fixture(scope="session")
def overfits(small):
    """Train a backbone on 32 spots and return the mean r of its genes on the same spots."""

    def run(settings):
        trained = settings.fit(small, small.genes, scale="log1p")
        truth = small.on_scale("log1p").toarray()
        found = trained.predict(small.embeddings_of("s0"))
        assert found.shape == truth.shape
        return np.mean([np.corrcoef(found[:, j], truth[:, j])[0, 1] for j in range(10)])

    return run
