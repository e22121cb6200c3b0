import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from scipy import sparse

from spatialrag.anndata_file import is_zarr, read_anndata, write_h5ad
from spatialrag.errors import InputError


@pytest.fixture
def adata():
    return ad.AnnData(
        np.array([[1.0, 2], [3, 4]]),
        obs=pd.DataFrame({"a": ["x", "y"]}, index=["s1", "s2"]),
        obsm={"spatial": np.eye(2)},
        uns={"n": 1},
    )


def test_h5ad_and_zarr_alike(adata, tmp_path):
    adata.write_h5ad(tmp_path / "x.H5AD")
    adata.write_zarr(tmp_path / "x.zarr")
    for name in ("x.H5AD", "x.zarr"):
        found = read_anndata(tmp_path / name)
        np.testing.assert_array_equal(found.X, adata.X)
        some = read_anndata(tmp_path / name, only=("obs", "obsm"))
        assert some.obs_names.tolist() == ["s1", "s2"]
        assert some.X is None
        np.testing.assert_array_equal(some.obsm["spatial"], np.eye(2))
    assert is_zarr(tmp_path / "x.zarr")
    assert not is_zarr(tmp_path)


def test_parts_do_not_need_the_rest(adata, tmp_path):
    adata.write_h5ad(tmp_path / "x.h5ad")
    with h5py.File(tmp_path / "x.h5ad", "r+") as file:
        del file["X"]
        file["X"] = np.dtype("f4")  # a type where an array should be, as other writers leave
    with pytest.raises(InputError, match=r"x.h5ad cannot be read as an AnnData file"):
        read_anndata(tmp_path / "x.h5ad")
    assert read_anndata(tmp_path / "x.h5ad", only=("obs", "obsm")).n_obs == 2


def test_what_is_no_anndata(adata, tmp_path):
    path = tmp_path / "x.h5ad"
    for content, message in (
        (b"a,b\n1,2\n", "plain text"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"version https://git-lfs", "Git LFS"),
        (b"", "an empty file"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=message):
            read_anndata(path)
    with pytest.raises(InputError, match="does not exist"):
        read_anndata(tmp_path / "no.h5ad")
    with pytest.raises(InputError, match="is a folder"):
        read_anndata(tmp_path)
    with h5py.File(path, "w") as file:
        file["matrix/barcodes"] = np.arange(3)
    with pytest.raises(InputError, match="10x Genomics"):
        read_anndata(path)


def test_other_stores(adata, tmp_path):
    import zarr

    root = zarr.open_group(tmp_path / "sd.zarr", mode="w")
    root.create_group("tables/table")
    with pytest.raises(InputError, match=r"(?s)a SpatialData store.*tables/table"):
        read_anndata(tmp_path / "sd.zarr")
    zarr.open_group(tmp_path / "o.zarr", mode="w").create_group("x")
    with pytest.raises(InputError, match="of something else"):
        read_anndata(tmp_path / "o.zarr")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.floats(0, 0.999))
def test_cut_files(adata, tmp_path, share):
    path = tmp_path / "whole.h5ad"
    if not path.exists():
        adata.write_h5ad(path)
    content = path.read_bytes()
    (tmp_path / "x.h5ad").write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match="cannot be read as an AnnData file"):
        read_anndata(tmp_path / "x.h5ad")


@pytest.mark.parametrize("raw", [False, True])
def test_written_files_are_those_of_anndata(adata, tmp_path, raw):
    """Kinds, names and values are anndata's own; only numbers are stored in another way."""
    adata.layers["counts"] = sparse.csr_matrix(adata.X)
    adata.uns |= {"text": "a word", "names": np.array(["a", "b"], object), "nothing": np.empty(0)}
    adata.obs["kind"] = pd.Categorical(["u", "v"])
    adata.obs["slide"] = "one"  # repeated text becomes categorical
    if raw:
        adata.raw = adata.copy()
        adata.raw.var["feature"] = "gene"
    write_h5ad(adata.copy(), tmp_path / "ours.h5ad")
    adata.write_h5ad(tmp_path / "theirs.h5ad")
    found = {}
    for name in ("ours", "theirs"):
        parts = found[name] = {}
        with h5py.File(tmp_path / f"{name}.h5ad") as file:
            file.visititems(lambda key, item: parts.update({key: (type(item), dict(item.attrs))}))  # noqa: B023
            values = file["layers/counts/data"]
            assert (values.compression == "gzip" and values.shuffle) == (name == "ours")
    assert found["ours"].keys() == found["theirs"].keys()
    for key, wanted in found["theirs"].items():
        assert str(found["ours"][key]) == str(wanted), key
    ours = ad.read_h5ad(tmp_path / "ours.h5ad")
    np.testing.assert_array_equal(ours.layers["counts"].toarray(), adata.X)
    pd.testing.assert_frame_equal(ours.obs, ad.read_h5ad(tmp_path / "theirs.h5ad").obs)
    assert ours.uns["text"] == "a word"
