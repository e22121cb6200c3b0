import json

import anndata as ad
import numpy as np
import pytest

from spatialrag.domains.controls import SmoothedPCA
from spatialrag.domains.store import palette, to_anndata
from spatialrag.errors import InputError


def test_slots_that_squidpy_and_scanpy_read(stripes, tmp_path):
    tissue, _ = stripes
    found = SmoothedPCA(k=8).fit_predict(tissue, n_domains=4)
    adata = ad.AnnData(tissue.expression)
    adata.obsm["spatial"] = tissue.xy
    to_anndata(found, adata, key="smooth")
    adata.write_h5ad(tmp_path / "x.h5ad")
    again = ad.read_h5ad(tmp_path / "x.h5ad")
    assert again.obs["domain_smooth"].tolist() == found.labels.tolist()
    assert again.obs["domain_smooth"].cat.categories.tolist() == list(found.sizes)
    assert len(again.uns["domain_smooth_colors"]) == 4
    np.testing.assert_array_equal(again.obsm["X_smooth"], found.embedding)
    slots = again.uns["spatial_neighbors"]
    assert again.obsp[slots["connectivities_key"]].nnz == found.graphs["spatial"].degrees.sum()
    assert json.loads(slots["params"])["kind"] == "knn"
    record = json.loads(again.uns["smooth"]["record"])
    assert record["settings"]["k"] == 8
    with pytest.raises(InputError, match="do not match"):
        to_anndata(found, again[:5].copy(), key="smooth")


@pytest.mark.parametrize("n", [3, 15, 52])
def test_colors_differ(n):
    assert len(set(palette(n))) == n
