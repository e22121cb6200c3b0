import anndata as ad
import numpy as np
import pytest

import spatialrag as sr
from spatialrag.errors import InputError


def test_embeds_into_obsm(toy_sections):
    section = toy_sections[0]
    adata = ad.AnnData(section.expression, obsm={"spatial": section.xy})
    sr.pp.embed(adata, slide="toy1", image=section.image, mpp=1.0)
    expected = sr.embed(section).vectors
    np.testing.assert_array_equal(adata.obsm["X_color"], expected)
    del adata.obsm["spatial"]
    with pytest.raises(InputError, match="no positions"):
        sr.pp.embed(adata, slide="toy1", image=section.image, mpp=1.0)
