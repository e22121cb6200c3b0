from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from spatialrag.bank.bank import section_of
from spatialrag.errors import InputError
from spatialrag.evaluation.panel import fix_panel
from spatialrag.evaluation.scores import evaluate, null_levels, smooth_levels, surrogates_for
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
    truth = toy_bank.select(["toy4"]).on_scale("log1p_cp10k")
    gene = panel.genes[3]
    column = truth[:, np.searchsorted(section.genes, gene)].toarray().ravel()
    expected = stats.pearsonr(prediction.values_of(np.array([gene]))[:, 0], column).statistic
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
    only = np.array([5])
    alone = replace(
        prediction,
        spots=prediction.spots[only],
        xy=prediction.xy[only],
        expression=prediction.expression[only],
        citations=None,
    )
    with pytest.raises(InputError, match="1 spots, all without counts"):
        evaluate(alone, replace(section, expression=matrix.tocsr()), panel=panel)


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


def by_hand(p, level=0.05):
    """Which p-values Benjamini and Hochberg's step-up procedure rejects."""
    order, passed = np.argsort(p), 0
    for rank, place in enumerate(order, start=1):
        if p[place] <= level * rank / len(p):
            passed = rank
    return set(order[:passed])


def test_genes_above_smooth_maps(parts):
    prediction, section, panel = parts
    surrogates = surrogates_for(prediction, section)
    scores = evaluate(prediction, section, panel=panel, surrogates=surrogates)
    assert scores.n_surrogate_spots == scores.n_spots == 56
    p = scores.per_gene["p_smooth"].to_numpy()
    for group, size in (("core", 50), ("global", 300)):
        summary, found = scores.summary[group], by_hand(p[:size])
        assert summary["n_above_null"] == len(found) > 0
        assert summary["share_above_null"] == pytest.approx(len(found) / size)
    assert set(np.flatnonzero(scores.per_gene["q_smooth"] <= 0.05)) == by_hand(p)
    # The level, from maps drawn one gene at a time.
    truth = section.expression.toarray()
    truth = np.log1p(1e4 * truth / truth.sum(axis=1, keepdims=True))
    truth = truth[:, np.searchsorted(section.genes, panel.genes[:50])]
    values = prediction.values_of(panel.genes[:50]).astype(float)
    r = [
        [np.corrcoef(each, truth[:, gene])[0, 1] for each in surrogates.maps(values[:, gene])]
        for gene in range(50)
    ]
    best = np.sort(np.transpose(r), axis=1)[:, ::-1][:, :10].mean()
    assert scores.summary["core"]["null_smooth_pcc_10"] == pytest.approx(best, abs=0.01)
    entries = {"a": {"core": {"mse": 1.0}}, "b": scores.entry, "c": scores.entry}
    assert smooth_levels(entries)["core"]["pcc_10"] == pytest.approx(best, abs=0.01)
    assert smooth_levels({"a": entries["a"]}) == {}


def test_predictions_of_nothing_are_above_no_smooth_map(parts):
    prediction, section, panel = parts
    surrogates = surrogates_for(prediction, section)
    for values in (
        np.full_like(prediction.expression, 2.5),
        np.full_like(prediction.expression, np.nan),
    ):
        nothing = replace(prediction, expression=values, citations=None)
        scores = evaluate(nothing, section, panel=panel, surrogates=surrogates)
        summary = scores.summary["core"]
        assert summary["n_above_null"] == summary["null_smooth_pcc_10"] == summary["pcc_10"] == 0
        assert summary["n_constant"] == 50
        assert summary["missing_share"] == np.isnan(values).mean()
        assert summary["overlap_50"] <= summary["overlap_50_chance"] + 1e-12
        assert (scores.per_gene["p_smooth"] == 1).all()


def test_without_places_there_are_no_smooth_maps(parts):
    prediction, section, panel = parts
    for xy in (prediction.xy * np.nan, prediction.xy * 0):
        nowhere = replace(prediction, xy=xy)
        assert surrogates_for(nowhere, section) is None
        scores = evaluate(nowhere, section, panel=panel)
        assert "n_above_null" not in scores.summary["core"]
        assert scores.entry["n_spots"] == 56
        assert "n_surrogate_spots" not in scores.entry
    few = replace(section, expression=section.expression[:40], spots=section.spots[:40])
    others = surrogates_for(prediction, section)
    with pytest.raises(InputError, match="maps and places do not match"):
        evaluate(prediction, few, panel=panel, surrogates=others)


def test_a_missing_value_costs_little_and_is_counted(parts):
    """Before, one spot without a prediction took the whole gene's correlation."""
    prediction, section, panel = parts
    values = prediction.expression.copy()
    values[4, ::2] = np.nan
    holes = replace(prediction, expression=values, citations=None)
    whole, holed = (evaluate(p, section, panel=panel).summary["core"] for p in (prediction, holes))
    assert holed["pcc_all"] == pytest.approx(whole["pcc_all"], abs=0.05)
    assert holed["spearman"] == pytest.approx(whole["spearman"], abs=0.05)
    assert 0 < holed["missing_share"] < 0.02
    assert holed["n_constant"] == whole["n_constant"] == 0


def test_overlap_beside_chance_and_the_best_possible(parts):
    prediction, section, panel = parts
    summary = evaluate(prediction, section, panel=panel).summary["global"]
    assert summary["overlap_50_chance"] == pytest.approx(50 / 300)
    assert summary["overlap_50_chance"] < summary["overlap_50"] < summary["overlap_50_best"] <= 1
