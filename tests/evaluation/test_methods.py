from dataclasses import replace

import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.evaluation.methods import OnScale, image_weight_rows, standard_rows
from spatialrag.prediction.generag import GeneRAG


def test_every_control_is_always_there(references):
    names = [row.name for row in standard_rows(GeneRAG(), references)]
    for control in ("backbone", "ridge_all", "neighbors", "depth_only", "mean_profile"):
        assert control in names
    assert len(set(names)) == len(names)
    tuned = standard_rows(GeneRAG(), references, tuned=True)
    assert sum(row.tuned for row in tuned) == 1


def test_backbone_is_scored_on_core_genes_alone(references):
    (row,) = (row for row in standard_rows(GeneRAG(), references) if row.name == "backbone")
    assert row.groups == ("core",)


def test_image_weights_change_nothing_else():
    rows = image_weight_rows(GeneRAG(), (0.0, 0.5))
    assert [row.name for row in rows] == ["generag_w0", "generag_w0.5"]
    assert replace(rows[1].method, image_weight=0.0) == rows[0].method


def test_released_needs_embeddings(references):
    bare = replace(references, embeddings=None, encoder=None)
    with pytest.raises(InputError, match="bank has no embeddings"):
        standard_rows(GeneRAG(), bare)


def test_on_scale_converts_and_says_that_nothing_is_cited(references, queries):
    counts = GeneRAG(scale="counts", n_anchors=60)
    plain = counts.fit(references).predict(queries)
    converted = OnScale(counts, "log1p_cp10k").fit(references).predict(queries)
    whole = np.nan_to_num(plain.expression)
    expected = np.log1p(1e4 * whole / whole.sum(axis=1, keepdims=True))
    present = ~plain.missing
    np.testing.assert_allclose(converted.expression[present], expected[present], rtol=1e-4)
    np.testing.assert_array_equal(converted.missing, plain.missing)
    assert converted.citations is None
    assert converted.uncited_share == 1
