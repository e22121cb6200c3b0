import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.evaluation.columns import family
from spatialrag.workflow.recipe import Cohort, Methods, Recipe
from spatialrag.workflow.results import interval, read_results

RECIPE = Recipe(
    "Two slides", Cohort(table="x"), methods=Methods(backbones=("linear",), seeds=(0, 1))
)


@pytest.fixture
def results(tmp_path):
    """linear at .2 and .4; GeneRAG .1 above it on one slide, .3 on the other, in either seed."""
    paths = []
    for slide, base, gain in (("a", 0.2, 0.1), ("b", 0.4, 0.3)):
        for seed in (0, 1):
            shift = 0.02 * seed - 0.01
            rows = {
                "linear": {"core": {"pcc_300": base + shift}, "genes": ["G"], "is_core": [1]},
                "linear+generag": {
                    "core": {"pcc_300": base + gain + shift},
                    "global": {"pcc_1000": 0.5},
                },
            }
            rows["linear"]["pearson"] = [0.1 + seed]
            paths.append(write(tmp_path, slide, "linear", seed, rows))
        controls = {"depth_only": {"core": {"pcc_300": 0.25}, "global": {"pcc_1000": 0.4}}}
        controls["ridge_all"] = {"global": {"pcc_1000": 0.45}}
        paths.append(write(tmp_path, slide, "controls", 0, controls))
    cohort = pd.DataFrame({"donor": ["A", "B"], "spots": [12, 9], "r": [0.25, 0.5]}, ["a", "b"])
    return read_results(RECIPE, paths, cohort)


def write(folder, slide, group, seed, rows):
    unit = {"encoder": "color", "leave": "slide", "slide": slide, "group": group, "seed": seed}
    path = folder / f"{slide}{group}{seed}.json"
    record = {"unit": unit, "facts": {"train_seconds": 2.0}, "seconds": 3.0, "rows": rows}
    path.write_text(json.dumps(record))
    return path


def test_rows_come_in_the_order_of_the_recipe(results):
    assert results.scores["slide"].tolist() == ["a"] * 6 + ["b"] * 6
    assert results.scores["group"].tolist() == (["linear"] * 4 + ["controls"] * 2) * 2
    assert results.scores["seed"].tolist() == [0, 0, 1, 1, 0, 0] * 2


def test_seeds_are_averaged_before_slides(results):
    assert results.per_slide().loc["color", "slide", "a", "linear"]["core pcc_300"] == 0.2
    assert results.mean("color", "slide").loc["linear", "core pcc_300"] == pytest.approx(0.3)
    assert results.folds == [("color", "slide")]
    assert results.seconds == 18


def test_the_spread_is_that_of_seeds(results):
    summary = results.summary("color", "slide")
    assert summary.loc["linear", "core pcc_300"] == pytest.approx(0.3)
    expected = np.std([0.29, 0.31], ddof=1)
    assert summary.loc["linear", "core pcc_300, over seeds"] == pytest.approx(expected)
    assert np.isnan(summary.loc["depth_only", "core pcc_300, over seeds"])


def test_measured_depth_stands_first(results):
    row = results.scores.iloc[[-1]].assign(method="depth_oracle", **{"core n_above_null": 7.0})
    more = replace(results, scores=pd.concat([results.scores, row], ignore_index=True))
    for table in (more.summary("color", "slide"), more.mean("color", "slide")):
        assert list(table.index[:2]) == ["depth_oracle", "linear"]
    assert more.by_slide("color", "slide", "global pcc_1000").index[0] == "depth_oracle"
    columns = list(more.summary("color", "slide"))
    assert columns.index("core n_above_null") < columns.index("global pcc_1000")
    text = more.markdown()
    assert "| depth_oracle |" in text.split("### All metrics")[0]
    assert " | 7 | " in text
    assert text.count("- `depth_oracle`: not a method") == 1


def test_what_smooth_maps_reach_stands_beside_the_headline(results, tmp_path):
    assert results.surrogates_note == ""
    row = {"core": {"pcc_300": 0.3, "null_smooth_pcc_300": 0.1, "n_above_null": 9}}
    row |= {"global": {"pcc_1000": 0.2, "null_smooth_pcc_1000": 0.15, "n_above_null": 41}}
    row |= {"n_spots": 3000, "n_surrogate_spots": 2000}
    paths = [write(tmp_path, slide, "linear", 0, {"linear+generag": row}) for slide in "ab"]
    found = read_results(RECIPE, paths, results.cohort)
    summary = found.summary("color", "slide").loc["linear+generag"]
    assert summary.to_dict() == {
        "core pcc_300": 0.3,  # of all core genes: no choice, no level
        "core n_above_null": 9,
        "global pcc_1000": 0.2,
        "global null_smooth_pcc_1000": 0.15,
        "global n_above_null": 41,
    }
    assert "2000, drawn from 3000 spots" in found.markdown()
    assert "null_smooth_pcc_1000" not in " ".join(found.mean("color", "slide"))


def test_every_column_of_the_written_tables_is_told(results):
    tables, lines = results.markdown().split("## Columns and rows")
    headings = {
        cell.strip()
        for before, rule in pairwise(tables.splitlines())
        if rule.startswith("|---")
        for cell in before.strip("|").split("|")
    }
    assert {"core pcc_300", "low to high", "spots"} <= headings
    told = {line.split("`")[1] for line in lines.splitlines() if line.startswith("- `")}
    known = {"slide", "method", "r", "a", "b"}  # what rows are of; a made-up column
    for heading in headings - known - {"low to high"}:
        assert family(heading) in told, heading


def test_gains_are_paired_by_slide(results):
    gains = results.gains().set_index(["less", "metric"])
    alone = gains.loc[("linear", "core pcc_300")]
    assert alone["mean"] == pytest.approx(0.2)
    assert (alone["low"], alone["high"]) == pytest.approx((0.1, 0.3))
    assert alone["slides"] == "a +0.100, b +0.300"
    assert alone["anchors"] == pytest.approx(0.3)
    assert gains.loc[("depth_only", "global pcc_1000")]["mean"] == pytest.approx(0.1)
    assert gains.loc[("ridge_all", "global pcc_1000")]["mean"] == pytest.approx(0.05)
    assert ("linear_all", "global pcc_1000") not in gains.index


def test_intervals_by_hand():
    found = interval(pd.Series([1.0], index=["a"]))
    assert (found["mean"], found["low"], found["high"]) == (1, 1, 1)
    values = pd.Series(np.random.default_rng(0).normal(2, 1, 50), index=range(50))
    found = interval(values)
    error = values.std(ddof=0) / np.sqrt(50)
    assert found["low"] == pytest.approx(values.mean() - 1.96 * error, abs=0.05)
    assert found["high"] == pytest.approx(values.mean() + 1.96 * error, abs=0.05)
    assert interval(pd.Series(dtype=float))["n_slides"] == 0


def test_tables_are_written(results, tmp_path):
    results.write(tmp_path)
    text = (tmp_path / "scores.md").read_text()
    assert "| linear+generag | 0.500 |" in text
    assert "2 slides: intervals are descriptive" in text
    tidy = pd.read_csv(tmp_path / "scores.csv")
    assert list(tidy) == [
        "encoder", "leave", "slide", "method", "seed", "group", "metric", "value"
    ]  # fmt: skip
    known = results.scores["core pcc_300"].notna().sum()
    assert len(tidy.query("group == 'core' and metric == 'pcc_300'")) == known > 5
    wide = results.scores.set_index(["slide", "method", "seed"])["core pcc_300"]
    for row in tidy.query("group == 'core' and metric == 'pcc_300'").itertuples():
        assert wide.loc[row.slide, row.method, row.seed] == pytest.approx(row.value)
    assert json.loads((tmp_path / "scores.json").read_text())["gains"]
    genes, r, core = results.genes["color", "slide", "a", "linear"]
    assert (genes, r.tolist(), core.tolist()) == (["G"], [0.1], [True])


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "null",
        "[]",
        "[" * 100_000,
        '{"unit": {}, "facts": {}, "seconds": 1, "rows": {}}',
        '{"unit": {"encoder": "color"}, "facts": [], "seconds": 1, "rows": {}}',
        '{"unit": 3, "facts": {}, "seconds": 1, "rows": {}}',
    ],
)
def test_a_damaged_unit_is_named(tmp_path, content):
    path = write(tmp_path, "a", "linear", 0, {})
    path.write_text(content)
    with pytest.raises(InputError, match=r"(?s)alinear0.json is damaged.*delete it and run"):
        read_results(RECIPE, [path], pd.DataFrame())


def test_a_truncated_unit_is_named(tmp_path):
    path = write(tmp_path, "a", "linear", 0, {"linear": {"core": {"pcc_300": 0.5}}})
    path.write_text(path.read_text()[:-20])
    with pytest.raises(InputError, match="damaged"):
        read_results(RECIPE, [path], pd.DataFrame())
