from importlib.util import find_spec
from pathlib import Path

import pytest

from spatialrag.bank.build import build_bank
from spatialrag.compatibility import prepare_torchvision
from spatialrag.expression.cohort import read_cohort
from spatialrag.toy import ToyTissue, make_toy

if find_spec("torch"):
    prepare_torchvision()

SMALL = ToyTissue(n_genes=1300, columns=8, rows=7, seed=3)
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def toy_table(tmp_path_factory):
    """slides.csv of a toy tissue: four sections of 56 spots, two donors, panels that differ."""
    return make_toy(tmp_path_factory.mktemp("toy"), settings=SMALL)


@pytest.fixture(scope="session")
def toy_sections(toy_table):
    return read_cohort(toy_table)


@pytest.fixture(scope="session")
def toy_bank(toy_sections, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    return build_bank(toy_sections, encoder="color", thumbnail_px=16, cache=cache)


@pytest.fixture(scope="session")
def references(toy_bank):
    """The bank without the slide that tests ask about."""
    return toy_bank.without(slides=["toy4"])


@pytest.fixture(scope="session")
def queries(toy_bank):
    return toy_bank.embeddings_of("toy4")


@pytest.fixture(scope="session")
def data():
    """The folder of real measurements beside the repository."""
    if not DATA.is_dir():
        pytest.skip("the real data folder ../shared/data is absent")
    return DATA
