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
