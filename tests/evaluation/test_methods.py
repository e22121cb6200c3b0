import warnings
from dataclasses import replace

import numpy as np
import pytest

from spatialrag.encoders.encoder import make_encoder
from spatialrag.errors import InputError
from spatialrag.evaluation.methods import (
    OnScale,
    image_weight_rows,
    published,
    standard_rows,
)
from spatialrag.prediction.backbones.linear import Linear
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


def dim_of_patches(bank):
    """Of the color statistics of a patch, as the encoder says."""
    return make_encoder("color").encode(np.zeros((1, 64, 64, 3), np.uint8)).shape[1]


@pytest.mark.parametrize("n_core", [40, 250])
def test_published_rows_have_the_strength_of_their_own_design(references, queries, n_core):
    """scikit-learn's alpha .01 and l1_ratio .9: l = M alpha (1 + l1_ratio), M the rows."""
    rows = {row.name: row.method for row in standard_rows(GeneRAG(), references, n_core=n_core)}
    rows["generag_released"] = rows["generag_released"].method
    m = n_core + dim_of_patches(references)
    for name in ("generag_paper", "generag_released", "generag_released_lognorm"):
        fitted = rows[name].fit(references)
        problem = fitted.problem(queries)
        assert len(fitted.anchors) == n_core
        assert problem.design.shape[0] == m
        root = np.sqrt(problem.row_weights)[:, None]
        both = np.vstack([0.75 * np.ones((m - n_core, 1)), 0.25 * np.ones((n_core, 1))])
        np.testing.assert_allclose(root**2, both, rtol=1e-6)
        np.testing.assert_allclose(problem.l1, m * 0.01 * 0.9, rtol=1e-12)
        np.testing.assert_allclose(problem.l2, m * 0.01 * 0.1, rtol=1e-12)
    assert [rows[f"generag_{name}"].positive for name in ("paper", "released")] == [False, True]


def test_fewer_shared_genes_are_fewer_anchors(toy_bank):
    """A panel smaller than the core: the strength follows, in every fold."""
    few = toy_bank.genes[toy_bank.measured_everywhere][:25]
    columns = toy_bank.columns_of(few)
    bank = replace(
        toy_bank,
        expression=toy_bank.expression[:, columns],
        genes=few,
        measured=toy_bank.measured[columns],
    )
    method = published("paper", bank, n_core=300, scale="log1p")
    fitted = method.fit(bank.without(slides=["toy4"]))
    assert fitted.problem(bank.embeddings_of("toy4")).design.shape[0] == 25 + dim_of_patches(bank)
    assert method.strength == pytest.approx(0.019 * (25 + dim_of_patches(bank)))


def test_a_trained_backbone_that_cannot_tell_counts(references):
    genes = references.genes[references.measured_everywhere][:30]
    for scale, kept in (("log1p_cp10k", False), ("log1p", True), ("counts", True)):
        settings = GeneRAG(backbone=Linear().fit(references, genes, scale=scale), scale=scale)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            names = [row.name for row in standard_rows(settings, references)]
        assert ("generag_released" in names) == kept
        assert ("generag_released_lognorm" in names) == (scale != "counts")
        assert [str(each.message)[:31] for each in told] == (
            [] if kept else ["generag_released is left out: i"]
        )


def test_unknown_published_settings(references):
    with pytest.raises(InputError, match="one of paper, released, released_lognorm"):
        published("printed", references, n_core=10, scale="counts")


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
