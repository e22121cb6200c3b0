import anndata as ad
import numpy as np
import pytest

import spatialrag as sr
from spatialrag.errors import InputError


def test_embeds_into_obsm(toy_sections):
    section = toy_sections[0].select(toy_sections[0].spots[:10])
    adata = ad.AnnData(section.expression, obsm={"spatial": section.xy})
    sr.pp.embed(adata, slide="toy1", image=section.image, mpp=1.0)
    expected = sr.embed(section).vectors
    np.testing.assert_array_equal(adata.obsm["X_color"], expected)
    pitch = np.sort(np.linalg.norm(section.xy[:, None] - section.xy, axis=2), axis=1)[:, 1]
    derived = adata.copy()
    sr.pp.embed(derived, slide="toy1", image=section.image, pitch_um=2 * float(np.median(pitch)))
    sr.pp.embed(adata, slide="toy1", image=section.image, mpp=2.0)
    np.testing.assert_array_equal(derived.obsm["X_color"], adata.obsm["X_color"])
    with pytest.raises(InputError, match="pixel size of slide 'toy1' is unknown"):
        sr.pp.embed(adata, slide="toy1", image=section.image)
    del adata.obsm["spatial"]
    with pytest.raises(InputError, match="no positions"):
        sr.pp.embed(adata, slide="toy1", image=section.image, mpp=1.0)
