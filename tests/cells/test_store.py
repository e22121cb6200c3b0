import zipfile
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import zarr

from spatialrag.bank.store import read_bank
from spatialrag.cells.build import cells_from_anndata, join_cells
from spatialrag.cells.store import (
    confounding,
    describe_cells,
    read_cells,
    update_cells,
    verify_cells,
    write_cells,
)
from spatialrag.errors import BankError, InputError


@pytest.fixture
def bank(adata):
    first = cells_from_anndata(adata, dataset="one", donor_column="donor", citation="A 2020")
    return join_cells([first, cells_from_anndata(adata[:20, :60].copy(), dataset="two")])


@pytest.fixture
def path(bank, tmp_path):
    return write_cells(bank, tmp_path / "cells.zarr")


def test_round_trip(path, bank):
    found = verify_cells(path)
    assert found.fingerprint == bank.fingerprint
    assert found.cells.equals(bank.cells)
    assert found.datasets.equals(bank.datasets)
    np.testing.assert_array_equal(found.measured, bank.measured)
    assert (found.expression != bank.expression).nnz == 0
    assert ad.read_zarr(path).n_obs == 80


def test_is_not_a_spatial_bank(path):
    with pytest.raises(BankError, match=r"(?s)not a bank.*single-cell bank"):
        read_bank(path)


def test_edits_are_seen(path):
    array = zarr.open_group(path, mode="r+")["X/data"]
    array[0] = array[0] + 1
    with pytest.raises(BankError, match="depths of 1 cells"):
        read_cells(path)


def test_edited_types_are_seen_by_verify(path):
    codes = zarr.open_group(path, mode="r+")["obs/cell_type/codes"]
    codes[0] = 1 - codes[0]
    read_cells(path)
    with pytest.raises(InputError, match="data set 'one' is not what was written"):
        verify_cells(path)


@pytest.mark.parametrize(
    "array", ["obs/cell", "obs/_index", "obs/source_type/codes", "obs/donor/categories"]
)
def test_verify_sees_edited_columns(path, array):
    values = zarr.open_group(path, mode="r+")[array]
    if array.endswith("codes"):
        values[0] = 1 - values[0]
    else:
        values[0] = "another"
    with pytest.raises(InputError, match="data set 'one' is not what was written"):
        verify_cells(path)


def test_verify_sees_edited_citations(path):
    values = zarr.open_group(path, mode="r+")["uns/spatialrag/datasets/citation"]
    values[...] = ["B 2021", values[1]]
    with pytest.raises(InputError, match="data set 'one' is not what was written"):
        verify_cells(path)


def test_banks_of_the_first_release_open_and_verify(tmp_path):
    with zipfile.ZipFile(Path(__file__).parents[1] / "fixtures" / "first_release.zip") as archive:
        archive.extractall(tmp_path)
    bank = verify_cells(tmp_path / "cells.zarr")
    # As the first release printed it.
    assert bank.fingerprint == "97271be2245d68b0073d6f1b2afbd9f7e2b2ee5b4222318477aced47dbd78c58"


def test_update(path, bank):
    rest = update_cells(path, lambda cells: cells.without(["two"]))
    assert verify_cells(path).fingerprint == rest.fingerprint != bank.fingerprint


def test_describe(bank):
    facts = describe_cells(bank)
    assert facts["cells"] == 80
    assert facts["pseudo_cells"] == 0
    assert [row["genes"] for row in facts["datasets"]] == [90, 60]
    assert facts["types_of_one_dataset"] == ["CAFs", "T-cells"]
    assert {"cell_type": "Epithelial", "one": 20, "two": 20} in facts["types"]


def test_confounding_limits():
    assert confounding(np.array([[5, 5], [20, 20]])) == 0
    assert confounding(np.array([[5, 0], [0, 9]])) == pytest.approx(1)
    assert np.isnan(confounding(np.array([[5], [9]])))
