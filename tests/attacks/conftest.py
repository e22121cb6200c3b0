"""The tiny tissue under attack.

By default each attack draws a few cases, the same ones every time. A campaign (``make fuzz``) sets
``ATTACKS`` to how many times as many, with fresh seeds, and ``ATTACKS_TALLY`` to a file that gets
a line per attack: its cases and its name.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from attacking.cases import COUNTED
from attacking.command import run

from spatialrag.toy import ToyTissue, make_toy

_TISSUE = ToyTissue(n_sections=3, n_genes=60, columns=5, rows=4, mpp=2.0, seed=3)


def pytest_sessionfinish():
    """Tell a campaign how many cases each attack drew."""
    if path := os.environ.get("ATTACKS_TALLY"):
        lines = [f"{number}\t{name}\n" for name, number in COUNTED.items()]
        Path(path).write_text("".join(lines))


@dataclass(frozen=True)
class World:
    """A tiny cohort with everything that is made of it; attacks work on copies.

    Parameters
    ----------
    folder
        What is written here is whole; attacks have folders of their own.
    table
        slides.csv: three sections of 20 spots, two donors.
    bank
        The first two slides with embeddings by ``color``.
    spots, image, counts
        Of the third slide, which is asked about.
    prediction
        Of the third slide from the bank.
    cells
        A single-cell bank.
    """

    folder: Path
    table: Path
    bank: Path
    spots: Path
    image: Path
    counts: Path
    prediction: Path
    cells: Path

    @property
    def query(self):
        """Arguments that ask about the third slide."""
        return (
            "--slide", "toy3", "--spots", self.spots, "--image", self.image, "--mpp", 2,
            "--encoder", "color", "--removed", 0,
        )  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def _no_flushing():
    """Nothing is killed here, and flushing to the disk is most of what writing a bank takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _as_a_terminal_would():
    """What is printed is judged as a terminal gets it: elsewhere click removes escapes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("click.utils.should_strip_ansi", lambda stream=None, color=None: False)
        yield


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    table = make_toy(folder / "toy", settings=_TISSUE)
    counts = table.parent / "expression" / "toy3.h5ad"
    adata = ad.read_h5ad(counts)
    spots = folder / "spots.csv"
    pd.DataFrame(adata.obsm["spatial"], adata.obs_names, ["x", "y"]).to_csv(spots)
    adata.obs["cell_type"] = np.where(np.arange(adata.n_obs) % 2, "A", "B")
    adata.write_h5ad(folder / "cells.h5ad")
    found = World(
        folder=folder,
        table=table,
        bank=folder / "bank.zarr",
        spots=spots,
        image=table.parent / "slides" / "toy3.jpg",
        counts=counts,
        prediction=folder / "prediction.h5ad",
        cells=folder / "cells.zarr",
    )
    for arguments in (
        ("bank", "build", found.bank, "--slides", table, "--encoder", "color",
         "--sections", "toy1,toy2", "--thumbnail-px", 8),
        ("predict", found.bank, found.prediction, *found.query),
        ("cells", "build", found.cells, "--cells", folder / "cells.h5ad"),
    ):  # fmt: skip
        outcome = run(*arguments)
        assert outcome.code == 0, str(outcome)
    return found
