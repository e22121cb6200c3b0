import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest

from spatialrag.encoders.encoder import make_encoder
from spatialrag.errors import InputError
from spatialrag.expression.cohort import read_cohort
from spatialrag.workflow.recipe import read_recipe
from spatialrag.workflow.run import _banks, _embed, run_experiment

pytest.importorskip("torch")


def changed(recipe_file, tmp_path, old, new):
    path = tmp_path / "changed.toml"
    text = recipe_file.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return read_recipe(path)


@pytest.fixture(scope="module")
def first(recipe_file, toy_table, toy_cache, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    shutil.copytree(toy_cache, out / "cache")
    results = run_experiment(read_recipe(recipe_file), out, data=toy_table.parent)
    return out, results


def test_a_run_leaves_tables_and_a_report(first):
    out, results = first
    names = {path.name for path in out.iterdir()}
    assert names == {
        "banks", "cache", "networks", "units", "recipe.json", "scores.csv", "scores.json",
        "scores.md", "report.html",
    }  # fmt: skip
    assert len(list((out / "units").iterdir())) == 8
    record = json.loads((out / "recipe.json").read_text())
    assert record["recipe"]["methods"]["seeds"] == [0, 1]
    assert record["origin"]["spatialrag"]
    methods = set(results.scores["method"])
    assert {"linear", "linear+generag", "small+paper", "linear_all", "depth_only"} <= methods
    assert (out / "report.html").read_text().count("<img") == 5


def test_two_processes_find_the_same(first, recipe_file, toy_table, tmp_path):
    """And of what is there, only what is missing is computed."""
    out, results = first
    kept = sorted((out / "units").iterdir())
    gone = [path for path in kept if "small-1" in path.name]
    before = {path.name: json.loads(path.read_text())["rows"] for path in gone}
    assert len(gone) == 2
    for path in gone:
        path.unlink()
    times = {path: path.stat().st_mtime_ns for path in kept if path.exists()}
    again = run_experiment(read_recipe(recipe_file), out, data=toy_table.parent, jobs=2)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    for path in gone:
        after = json.loads(path.read_text())["rows"]
        for name, entry in before[path.name].items():
            assert after[name]["core"] == pytest.approx(entry["core"], abs=1e-6)
    assert len(again.scores) == len(results.scores)


def test_folds_are_checked_before_anything_is_embedded(
    recipe_file, toy_table, toy_sections, tmp_path, monkeypatch
):
    def never(*_, **__):
        raise AssertionError("embedded")

    monkeypatch.setattr("spatialrag.workflow.run.build_bank", never)
    one = changed(recipe_file, tmp_path, 'leave = ["slide"]', 'leave = ["donor"]')
    donor = toy_sections[0].donor
    same = [s.slide for s in read_cohort(toy_table) if s.donor == donor]
    path = tmp_path / "one.toml"
    path.write_text(
        (tmp_path / "changed.toml")
        .read_text()
        .replace('test = ["toy1", "toy4"]', f"slides = {json.dumps(same)}")
    )
    out = tmp_path / "out"
    with pytest.raises(InputError, match="at least two donors"):
        run_experiment(read_recipe(path), out, data=toy_table.parent)
    with pytest.raises(InputError, match="jobs must be at least 1"):
        run_experiment(one, out, data=toy_table.parent, jobs=0)
    with pytest.raises(InputError, match="no device 'cuda:9' here"):
        run_experiment(one, out, data=toy_table.parent, device="cuda:9")
    unknown = changed(recipe_file, tmp_path, '"toy4"]', '"toy9"]')
    with pytest.raises(InputError, match="not in the cohort: toy9"):
        run_experiment(unknown, out, data=toy_table.parent)
    late = changed(recipe_file, tmp_path, '["color"]', '["color", "onnx:missing.onnx"]')
    with pytest.raises(InputError, match="missing.onnx"):
        run_experiment(late, out, data=toy_table.parent)
    assert not out.exists()


def test_a_refused_slide_leaves_nothing(recipe_file, toy_table, tmp_path):
    table = pd.read_csv(toy_table).astype({"mpp": float})
    table.loc[3, "mpp"] = None
    table.to_csv(toy_table.parent / "unstated.csv", index=False)
    recipe = changed(recipe_file, tmp_path, '"slides.csv"', '"unstated.csv"')
    with pytest.raises(InputError, match="pixel size of slide 'toy4'"):
        run_experiment(recipe, tmp_path / "out", data=toy_table.parent)
    assert not (tmp_path / "out").exists()


def test_encoders_without_a_network_stay_on_the_cpu(recipe_file, toy_sections, tmp_path):
    recipe = read_recipe(recipe_file)
    found = _banks(recipe, toy_sections[:1], tmp_path, tmp_path, tmp_path / "cache", "meta")
    assert found["color"][0].encoder.name == "color"


def test_tiles_are_embedded_where_the_recipe_asks(recipe_file, toy_sections, tmp_path):
    recipe = read_recipe(recipe_file)
    asked = replace(recipe, embedding=replace(recipe.embedding, tiles=2, patch_um=60.0))
    few = toy_sections[0].select(toy_sections[0].spots[:10])
    bank, tiles = _embed(asked, [few], make_encoder("color"), tmp_path)
    assert tiles.vectors["toy1"].shape[:2] == (bank.n_references, 4)
    assert bank.encoder.patch_um == 60.0
