import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.prediction.controls import BackboneOnly
from spatialrag.prediction.generag import GeneRAG
from spatialrag.prediction.generag.blend import GeneRAGBlend


def test_share_is_stated_and_exact(references, queries):
    method = GeneRAG(n_anchors=100, backbone="linear")
    blended = GeneRAGBlend(method, backbone_share=0.3).fit(references).predict(queries)
    assert blended.uncited_share == 0.3
    assert blended.record["method"] == "GeneRAGBlend"
    assert set(blended.record["anchor_genes"]) >= set(
        references.genes[references.measured_everywhere]
    )
    cited = method.fit(references).predict(queries)
    alone = BackboneOnly(preparation=method.preparation).fit(references).predict(queries)
    genes = alone.genes[:50]
    expected = 0.7 * cited.values_of(genes) + 0.3 * alone.values_of(genes)
    np.testing.assert_allclose(blended.values_of(genes), expected, rtol=1e-4, atol=1e-5)


def test_limits(references, queries):
    with pytest.raises(InputError, match="backbone_share"):
        GeneRAGBlend(backbone_share=1.1)
    method = GeneRAG(n_anchors=100, backbone="linear")
    none = GeneRAGBlend(method, backbone_share=0.0).fit(references).predict(queries)
    np.testing.assert_array_equal(
        none.expression, method.fit(references).predict(queries).expression
    )
