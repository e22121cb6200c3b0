from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from spatialrag.errors import InputError
from spatialrag.evaluation.loso import section_of
from spatialrag.evaluation.panel import fix_panel
from spatialrag.evaluation.scores import evaluate, null_levels
from spatialrag.prediction.generag import GeneRAG


@pytest.fixture(scope="module")
def parts(references, queries, toy_bank):
    prediction = GeneRAG(n_anchors=100).fit(references).predict(queries)
    section = section_of(toy_bank, "toy4")
    panel = fix_panel(references, section.genes, n_core=50, n_global=300)
    return prediction, section, panel


def test_per_gene_against_scipy(parts, toy_bank):
    prediction, section, panel = parts
    scores = evaluate(prediction, section, panel=panel)
    truth = toy_bank.only(["toy4"]).on_scale("log1p_cp10k")
    gene = panel.genes[3]
    column = truth[:, np.searchsorted(section.genes, gene)].toarray().ravel()
    expected = stats.pearsonr(prediction.of_genes(np.array([gene]))[:, 0], column).statistic
    assert scores.per_gene.loc[gene, "pearson"] == pytest.approx(expected, abs=1e-5)
    summary = scores.summary["core"]
    r = scores.per_gene["pearson"][:50]
    assert summary["pcc_10"] == pytest.approx(r.nlargest(10).mean())
    assert summary["fixed_10"] == pytest.approx(r.iloc[:10].mean())
    assert "pcc_200" not in summary
    assert scores.summary["global"]["n_genes"] == 300


def test_joined_by_name_not_by_row(parts):
    prediction, section, panel = parts
    order = np.random.default_rng(0).permutation(section.n_spots)
    shuffled = replace(section, expression=section.expression[order], spots=section.spots[order])
    one, two = (evaluate(prediction, s, panel=panel).summary for s in (section, shuffled))
    assert one["core"] == pytest.approx(two["core"])


def test_empty_spots_are_not_scored(parts):
    prediction, section, panel = parts
    matrix = section.expression.tolil()
    matrix[5] = 0
    scores = evaluate(prediction, replace(section, expression=matrix.tocsr()), panel=panel)
    assert scores.n_spots == 55


def test_missing_genes_score_zero_and_are_counted(parts):
    prediction, section, panel = parts
    few = replace(
        prediction,
        genes=prediction.genes[:10],
        expression=prediction.expression[:, :10],
        citations=None,
    )
    scores = evaluate(few, section, panel=panel)
    absent = ~np.isin(panel.genes, few.genes)
    assert (scores.per_gene["pearson"][absent] == 0).all()
    assert scores.summary["global"]["n_constant"] >= absent.sum()


def test_gene_sets(parts):
    prediction, section, panel = parts
    sets = {"some": panel.genes[:20].tolist(), "absent": ["Z1", "Z2"]}
    scores = evaluate(prediction, section, panel=panel, gene_sets=sets)
    assert list(scores.gene_sets) == ["some"]


def test_markers_of_regions(parts):
    prediction, section, panel = parts
    regions = np.where(np.arange(section.n_spots) < 28, "a", "b")
    markers = evaluate(prediction, section, panel=panel, regions=regions).markers
    assert set(markers) == {"a", "b"}
    assert all(0 <= share <= 1 for share in markers.values())


def test_wrong_section(parts):
    prediction, section, panel = parts
    other = replace(section, spots=np.array([f"other{i}" for i in range(section.n_spots)]))
    with pytest.raises(InputError, match="no spot of the prediction"):
        evaluate(prediction, other, panel=panel)
    fewer = replace(section, genes=np.array([f"g{i}" for i in range(len(section.genes))]))
    with pytest.raises(InputError, match="lacks genes of the panel"):
        evaluate(prediction, fewer, panel=panel)


def test_null_levels(parts):
    levels = null_levels(56, parts[2])
    assert levels["core"]["pcc_10"] > levels["core"]["pcc_50"] > -0.1
