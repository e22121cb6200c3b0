import anndata as ad
import numpy as np
import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.expression.h5ad import from_anndata, read_h5ad


def adata(values):
    obs = pd.DataFrame(index=["a", "b"])
    return ad.AnnData(np.asarray(values), obs=obs, obsm={"spatial": np.array([[1, 2], [3, 4]])})


def test_uint8_counts_are_cast(tmp_path):
    adata(np.array([[200, 200], [1, 0]], np.uint8)).write_h5ad(tmp_path / "s.h5ad")
    section = read_h5ad(tmp_path / "s.h5ad")
    assert (section.slide, section.scale) == ("s", "counts")
    assert section.totals.tolist() == [400, 1]


def test_fractions_need_a_declared_scale():
    values = np.array([[0.5, 1.2], [0, 2.0]])
    with pytest.raises(InputError, match="scale is not stated"):
        from_anndata(adata(values), slide="s", donor="d")
    assert from_anndata(adata(values), slide="s", donor="d", scale="log1p").scale == "log1p"


def test_named_position_key():
    with pytest.raises(InputError, match=r"no obsm\['image_xy'\]"):
        from_anndata(adata([[1, 0], [0, 1]]), slide="s", donor="d", xy_key="image_xy")
