import anndata as ad
import numpy as np
import pandas as pd
import pytest

from spatialrag.cells.store import write_cells
from spatialrag.errors import InputError
from spatialrag.jobs.cells import GivenProportions, SingleCells


@pytest.fixture
def cells(tmp_path):
    """Twelve cells of two of HER2ST's labels."""
    obs = pd.DataFrame({"cell_type": ["B-cells", "T-cells"] * 6}, [f"c{i}" for i in range(12)])
    adata = ad.AnnData(np.random.default_rng(0).poisson(3, (12, 5)).astype("float32"), obs)
    adata.write_h5ad(tmp_path / "some.cells.h5ad")
    return tmp_path / "some.cells.h5ad"


def test_a_file_and_its_store_are_the_same_bank(cells, tmp_path):
    read = SingleCells(cells).read()
    assert set(read.types) == {"B-cells", "T-cells"}
    store = write_cells(read, tmp_path / "cells.zarr")
    assert SingleCells(store).read().fingerprint == read.fingerprint
    with pytest.raises(InputError, match="do not exist"):
        SingleCells(tmp_path / "none.h5ad").read()


def test_her2st_brings_its_own_types_unless_others_are_named(cells, tmp_path):
    assert SingleCells(cells).map_name is None
    assert SingleCells(cells).notes == ()
    mapped = SingleCells(cells, her2st=tmp_path)
    assert mapped.map_name == "breast_major"
    assert mapped.notes[0].startswith("type map: breast_major; left out: ")
    named = SingleCells(cells, type_map="own.tsv", her2st=tmp_path)
    assert named.map_name == "own.tsv"
    assert named.notes == ()


def test_proportions_that_nobody_has_are_deconvolved(tmp_path):
    given = GivenProportions()
    assert given.read(["a"]) is None
    assert "deconvolved" in given.notes[0]
    table = tmp_path / "p.csv"
    pd.DataFrame({"A": [0.25], "B": [0.75]}, ["s:1x1"]).to_csv(table)
    given = GivenProportions(table)
    assert given.read(["s"]).types.tolist() == ["A", "B"]
    assert given.notes == ()
