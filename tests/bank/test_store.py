import anndata as ad
import numpy as np
import pytest
import zarr

from spatialrag.bank.build import build_bank
from spatialrag.bank.store import describe, open_bank, verify_bank, write_bank
from spatialrag.errors import BankError, InputError
from spatialrag.expression.cohort import read_her2st_cohort


@pytest.fixture
def path(toy_bank, tmp_path):
    return write_bank(toy_bank, tmp_path / "bank.zarr")


def test_round_trip(path, toy_bank):
    bank = verify_bank(path)
    assert bank.fingerprint == toy_bank.fingerprint
    assert (bank.expression != toy_bank.expression).nnz == 0
    np.testing.assert_array_equal(bank.embeddings, toy_bank.embeddings)
    np.testing.assert_array_equal(bank.thumbnails, toy_bank.thumbnails)
    assert bank.encoder == toy_bank.encoder
    assert bank.references.equals(toy_bank.references)
    assert bank.slides.equals(toy_bank.slides)


def test_opens_with_plain_anndata(path, toy_bank):
    adata = ad.read_zarr(path)
    assert adata.shape == toy_bank.expression.shape
    assert list(adata.obs["slide"].cat.categories) == ["toy1", "toy2", "toy3", "toy4"]
    assert "X_color" in adata.obsm
    assert adata.obsm["spatial"].shape == (224, 2)
    assert sum(file.is_file() for file in path.rglob("*")) < 150


def test_edited_expression_is_seen_on_opening(path):
    array = zarr.open_group(path, mode="r+")["X/data"]
    array[0] = array[0] + 1
    with pytest.raises(BankError, match="depths of 1 references"):
        open_bank(path)


def test_edited_embeddings_are_seen_by_verify(path):
    array = zarr.open_group(path, mode="r+")["obsm/X_color"]
    array[0, 0] = array[0, 0] + 1
    open_bank(path)
    with pytest.raises(InputError, match="slide 'toy1' is not what was written"):
        verify_bank(path)


def test_describe_is_plain(toy_bank):
    facts = describe(toy_bank)
    assert facts["references"] == 224
    assert [row["spots"] for row in facts["slides"]] == [56] * 4


@pytest.mark.realdata
@pytest.mark.slow
def test_bank_of_all_her2st_sections(data, tmp_path):
    bank = build_bank(read_her2st_cohort(data / "her2st"), thumbnail_px=0)
    verified = verify_bank(write_bank(bank, tmp_path / "bank.zarr"))
    assert verified.n_references == 13_620
    assert len(verified.genes) == 18_758
    assert verified.measured_everywhere.sum() == 11_871
    assert verified.empty.sum() == 1
