from dataclasses import replace

import numpy as np
import pytest

from spatialrag.evaluation.loso import section_of
from spatialrag.evaluation.panel import fix_panel
from spatialrag.evaluation.scores import ceiling_levels, evaluate
from spatialrag.evaluation.second_truth import gene_shares, second_truth
from spatialrag.metrics.expression import pearson_per_gene
from spatialrag.prediction.controls import BackboneOnly


@pytest.fixture(scope="module")
def fold(references, toy_bank):
    section = section_of(toy_bank, "toy4")
    return section, fix_panel(references, section.genes, n_core=30, n_global=100)


def test_shares_are_of_the_slides_that_measured_a_gene(references):
    genes = references.genes[:40]
    counts = references.on_scale("counts").toarray()
    totals = references.references["total_counts"].to_numpy()
    for j, found in enumerate(gene_shares(references.on_scale("counts"), references, genes)):
        measured = references.measured[j][references.slide_of]
        assert found == pytest.approx(counts[measured, j].sum() / totals[measured].sum(), rel=1e-6)


def test_residuals_and_ceiling_of_a_slide(fold, references):
    section, panel = fold
    second = second_truth(section, references, panel)
    assert second.residuals.shape == (len(section.spots), 100)
    assert abs(second.residuals.mean()) < 1
    assert ((second.ceiling >= -1) & (second.ceiling <= 1)).all()
    # What the tissue drives is told by half of the counts, beyond chance.
    assert second.ceiling[:30].mean() > 0.1
    levels = ceiling_levels(second, panel)
    assert levels["core"]["pcc_all"] == pytest.approx(second.ceiling[:30].mean())
    assert levels["global"]["pcc_10"] >= levels["global"]["fixed_10"]


def test_scores_beside_the_truth(fold, references, queries):
    section, panel = fold
    second = second_truth(section, references, panel)
    prediction = BackboneOnly().fit(references).predict(queries)
    scores = evaluate(prediction, section, panel=panel, second=second)
    values = prediction.values_of(panel.genes)
    expected = pearson_per_gene(values, second.residuals)
    np.testing.assert_allclose(scores.per_gene["residual"], expected)
    core = scores.summary["core"]
    assert core["residual_all"] == pytest.approx(expected[:30].mean())
    assert core["ceiling_share"] == pytest.approx(core["pcc_all"] / second.ceiling[:30].mean())
    depth = np.log1p(section.totals)
    given = np.outer(depth, np.ones(len(prediction.genes))).astype(np.float32)
    same = evaluate(replace(prediction, expression=given), section, panel=panel, second=second)
    assert same.summary["core"]["partial_all"] == 0
    assert abs(same.summary["core"]["pcc_all"]) > 0


def test_lost_counts_have_no_second_truth(fold, references):
    section, panel = fold
    scaled = replace(references, expression=references.on_scale("log1p_cp10k"), scale="log1p_cp10k")
    assert second_truth(section, scaled, panel) is None
    broken = replace(references, expression=references.expression * 0.3)
    assert second_truth(section, broken, panel) is None
    logged = replace(references, expression=references.on_scale("log1p"), scale="log1p")
    found, plain = (second_truth(section, each, panel) for each in (logged, references))
    np.testing.assert_allclose(found.residuals, plain.residuals, atol=1e-3)
