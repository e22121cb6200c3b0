import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.metrics.biology import (
    gene_gene_agreement,
    marker_overlap,
    read_gmt,
    set_score_agreement,
    set_scores,
)

RNG = np.random.default_rng(2)
VALUES = RNG.normal(size=(60, 30))
GENES = np.array([f"G{i}" for i in range(30)])


def test_gene_gene_agreement_against_numpy():
    other = VALUES + RNG.normal(size=VALUES.shape)
    upper = np.triu_indices(30, 1)
    pair = [np.corrcoef(values.T)[upper] for values in (VALUES, other)]
    assert gene_gene_agreement(VALUES, other) == pytest.approx(np.corrcoef(*pair)[0, 1])
    assert gene_gene_agreement(VALUES, VALUES) == pytest.approx(1)


def test_gmt_and_set_scores(tmp_path):
    path = tmp_path / "sets.gmt"
    path.write_text("one\tabout\tG0\tG1\tG2\tG3\tG4\ntwo\tabout\tG5\tabsent\n")
    sets = read_gmt(path)
    scores = set_scores(VALUES, GENES, sets)
    assert list(scores) == ["one"]  # the second has too few genes
    z = (VALUES[:, :5] - VALUES[:, :5].mean(0)) / VALUES[:, :5].std(0)
    np.testing.assert_allclose(scores["one"], z.mean(axis=1))
    assert set_score_agreement(VALUES, VALUES, GENES, sets)["one"] == pytest.approx(1)
    path.write_text("broken line")
    with pytest.raises(InputError, match="line 1 is not a gene set"):
        read_gmt(path)


def test_markers_of_regions():
    regions = np.repeat(["a", "b"], 30)
    truth = VALUES.copy()
    truth[:30, :5] += 10
    assert marker_overlap(truth, truth, regions, top=5) == {"a": 1.0, "b": 1.0}
    shuffled = truth[:, ::-1]
    assert marker_overlap(shuffled, truth, regions, top=5)["a"] == 0


REGIONS = np.repeat(["a", "b"], 30)
RISING = VALUES * 0.1 + np.where(REGIONS == "a", 1.0, 0.0)[:, None] * np.linspace(3, 0, 30)


@pytest.mark.parametrize("nothing", [0.0, 3.3])
def test_constants_find_no_markers(nothing):
    """Panels come in the order of variance: the first genes are markers more often than not."""
    found = marker_overlap(np.full_like(RISING, nothing), RISING, REGIONS, top=10)
    assert found == {"a": 0, "b": 0}


def test_few_genes_can_all_be_found():
    assert marker_overlap(RISING[:, :5], RISING[:, :5], REGIONS) == {"a": 1, "b": 1}
    some = RISING.copy()
    some[:, 3:] = 1  # three genes vary
    assert marker_overlap(some, some, REGIONS) == {"a": 1, "b": 1}
    assert np.isnan(marker_overlap(some[:, 3:], some[:, 3:], REGIONS)["a"])


def test_equal_markers_are_ordered_at_random():
    """One map for all genes, up to rounding: what drawing genes at random finds."""
    depth = (RISING.mean(axis=1)[:, None] + np.linspace(0, 9, 30)).astype(np.float32)
    assert marker_overlap(depth, RISING, REGIONS, top=6)["a"] == pytest.approx(6 / 30)
    rng, repeated = np.random.default_rng(0), RISING[:, np.arange(30) // 3]
    difference = [v[:30].mean(axis=0) - v[30:].mean(axis=0) for v in (RISING, repeated)]
    score = [d / v.std(axis=0) for d, v in zip(difference, (RISING, repeated), strict=True)]
    truth = set(np.argsort(-score[0])[:7])
    drawn = [
        len(truth & set(np.lexsort((rng.random(30), -score[1].round(9)))[:7])) / 7
        for _ in range(4000)
    ]
    found = marker_overlap(repeated, RISING, REGIONS, top=7)["a"]
    assert found == pytest.approx(np.mean(drawn), abs=0.01)


def test_small_values_are_scored_like_large_ones():
    tiny = VALUES * 1e-9
    assert gene_gene_agreement(tiny, VALUES) == pytest.approx(1)
    assert marker_overlap(RISING * 1e-9, RISING, REGIONS, top=5) == {"a": 1, "b": 1}
    sets = {"s": [f"G{i}" for i in range(6)]}
    np.testing.assert_allclose(
        set_scores(tiny, GENES, sets)["s"], set_scores(VALUES, GENES, sets)["s"]
    )
    assert (set_scores(np.ones((9, 30)), GENES, sets)["s"] == 0).all()
