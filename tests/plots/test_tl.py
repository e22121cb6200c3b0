import anndata as ad
import numpy as np
import pandas as pd
import pytest

import spatialrag as sr
from spatialrag.errors import InputError


def test_prediction_goes_to_a_layer(toy_sections, references):
    section = toy_sections[3]
    adata = ad.AnnData(
        section.expression.copy(),
        obs=pd.DataFrame(index=section.spots),
        var=pd.DataFrame(index=section.genes),
        obsm={"spatial": section.xy},
    )
    about = {"slide": "toy4", "image": section.image, "mpp": 1.0}
    method = sr.GeneRAG(n_anchors=60)
    prediction = sr.tl.predict(adata, references, encoder="color", method=method, **about)
    assert (section.expression != adata.X).nnz == 0
    expected = prediction.of_genes(section.genes)
    np.testing.assert_array_equal(adata.layers["predicted"], expected)
    assert adata.uns["spatialrag"]["scale"] == "log1p_cp10k"
    # What was measured must not matter.
    adata.X = adata.X * 0
    again = sr.tl.predict(adata, references, encoder="color", method=method, **about)
    np.testing.assert_array_equal(again.expression, prediction.expression)
    with pytest.raises(InputError, match="no encoder is called"):
        sr.tl.predict(adata, references, encoder="vit", **about)


def test_domains_of_measured_and_of_predicted_expression():
    pytest.importorskip("torch")
    from spatialrag.domains.semst.settings import Objective
    from spatialrag.training.graph import Training

    rng = np.random.default_rng(0)
    xy = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), axis=-1).reshape(-1, 2)
    rate = np.where(xy[:, :1] < 5, 2.0, [[6.0] * 10 + [1.0] * 10])
    adata = ad.AnnData(rng.poisson(rate).astype(np.float32), obsm={"spatial": xy})
    adata.X[adata.X.sum(axis=1) == 0, 0] = 1
    method = sr.SemST(training=Training(epochs=20))
    found = sr.tl.semst(adata, n_domains=2, semantics="random", method=method)
    assert adata.obs["domain_semst"].tolist() == found.labels.tolist()
    assert "spatial_connectivities" in adata.obsp
    prepared = sr.pp.prepare_domains(adata, n_genes=None)
    assert prepared.layers["counts"].shape == adata.shape
    adata.X = np.log1p(adata.X)
    adata.uns["spatialrag"] = {"scale": "log1p_cp10k"}
    method = sr.SemST(training=Training(epochs=20), objective=Objective(likelihood="gaussian"))
    again = sr.tl.semst(adata, n_domains=2, method=method, key_added="predicted")
    assert adata.obsm["X_predicted"].shape == again.embedding.shape
