import numpy as np
import pytest
from scipy import sparse

from spatialrag.bank.build import bank_of_section, join_banks
from spatialrag.bank.store import write_bank
from spatialrag.encoders.embeddings import Embeddings, EncoderRecord
from spatialrag.expression.section import Section

ENCODER = EncoderRecord("color", "ab" * 32, 4, 150.0, 0, "somewhere")


def small_section(slide, donor, genes, seed):
    """A slide of six spots with vectors and pictures, drawn at random."""
    rng = np.random.default_rng(seed)
    spots = np.array([f"{i}x1" for i in range(6)])
    section = Section(
        slide=slide,
        donor=donor,
        expression=sparse.csr_matrix(rng.poisson(3, (6, len(genes))).astype(np.float32)),
        genes=np.array(list(genes)),
        spots=spots,
        xy=rng.uniform(0, 100, (6, 2)),
        mpp=0.5,
        mpp_source="given",
    )
    vectors = rng.normal(size=(6, 4)).astype(np.float32)
    embeddings = Embeddings(vectors, slide, spots, section.xy, 0.5, ENCODER)
    return bank_of_section(section, embeddings, rng.integers(0, 255, (6, 4, 4, 3), np.uint8))


@pytest.fixture
def make_section():
    return small_section


@pytest.fixture(scope="session")
def small_bank():
    """Twelve references of two slides and donors whose genes differ."""
    parts = [small_section("s1", "d1", "ABC", 1), small_section("s2", "d2", "BCD", 2)]
    return join_banks(parts)


@pytest.fixture(scope="session")
def small_store(small_bank, tmp_path_factory):
    """The small bank on disk; to be copied before it is changed."""
    return write_bank(small_bank, tmp_path_factory.mktemp("small") / "bank.zarr")
