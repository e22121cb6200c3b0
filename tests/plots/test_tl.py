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
