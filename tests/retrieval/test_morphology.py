import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.retrieval.morphology import fit_morphology

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(2, 3, (40, 12)).astype(np.float32)
ANCHORS = VECTORS[:, :3] @ RNG.normal(size=(3, 6))


def test_blocks():
    kinds = {
        kind: fit_morphology(VECTORS, ANCHORS, image_block=kind).transform(VECTORS)
        for kind in ("embedding", "standardized", "supervised")
    }
    np.testing.assert_array_equal(kinds["embedding"], VECTORS)
    np.testing.assert_allclose(kinds["standardized"].std(axis=0), 1, rtol=1e-4)
    # Components supervised by the anchors span what explains them.
    design = np.column_stack([kinds["supervised"], np.ones(40)])
    residual = ANCHORS - design @ np.linalg.lstsq(design, ANCHORS)[0]
    assert np.square(residual).sum() < 0.01 * np.square(ANCHORS).sum()
    with pytest.raises(InputError, match="unknown image_block"):
        fit_morphology(VECTORS, ANCHORS, image_block="pca")
