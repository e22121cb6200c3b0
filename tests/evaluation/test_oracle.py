import numpy as np
import pytest

from spatialrag.evaluation.oracle import depth_oracle
from spatialrag.prediction.generag import GeneRAG


@pytest.fixture(scope="module")
def parts(references, queries, toy_bank):
    like = GeneRAG(n_anchors=30).fit(references).predict(queries)
    totals = toy_bank.select(["toy4"]).references["total_counts"].to_numpy(float)
    return totals, references, like


def test_every_map_is_log_depth_at_the_genes_own_level(parts):
    totals, references, like = parts
    found = depth_oracle(totals, references, like=like)
    assert (found.slide, found.scale) == (like.slide, like.scale)
    values = found.expression.astype(float)
    expected = np.log1p(totals) - np.log1p(totals).mean()
    np.testing.assert_allclose(
        values - values.mean(axis=0), expected[:, None] + 0 * values, atol=1e-5
    )
    column = int(np.argmax(references.measured_everywhere))
    level = references.on_scale(like.scale)[~references.empty][:, column].toarray().mean()
    assert values[:, column].mean() == pytest.approx(level, abs=1e-4)


def test_spots_that_were_not_measured_get_the_mean_depth(parts):
    totals, references, like = parts
    holes = totals.copy()
    holes[3] = np.nan
    found = depth_oracle(holes, references, like=like).expression
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[3], found.mean(axis=0), atol=1e-5)
