import json
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from spatialrag.encoders.tiles import Tiles
from spatialrag.evaluation.loso import loso
from spatialrag.evaluation.methods import Row, standard_rows
from spatialrag.evaluation.panel import fix_panel
from spatialrag.locks import locked
from spatialrag.prediction.backbones.linear import Linear
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.workflow.recipe import read_recipe
from spatialrag.workflow.units import ExperimentInputs, Unit, _key, _settings, plan, run_unit

pytest.importorskip("torch")
from spatialrag.prediction.backbones.bleep.bleep import TwoTowers


@pytest.fixture(scope="module")
def material(recipe_file, toy_bank):
    return ExperimentInputs(read_recipe(recipe_file), toy_bank)


def test_every_fold_and_seed_is_planned_once(material):
    units = plan(material.recipe, ["toy1", "toy2", "toy3", "toy4"])
    assert len(units) == len(set(units)) == 2 * (1 + 2 + 1)
    assert {unit.slide for unit in units} == {"toy1", "toy4"}
    assert [unit.seed for unit in units if unit.group == "linear"] == [0, 0]
    assert {unit.seed for unit in units if unit.group == "small"} == {0, 1}
    assert len({unit.name for unit in units}) == len(units)


def test_a_unit_scores_what_loso_scores(material, toy_bank, tmp_path):
    unit = Unit("color", "slide", "toy4", "linear")
    path = run_unit(unit, material, tmp_path)
    rows = json.loads(path.read_text())["rows"]
    assert list(rows) == ["linear", "linear+generag", "linear+paper", "linear_all"]
    method = GeneRAG(n_anchors=40, backbone="linear", centring=0.0)
    report = loso(toy_bank, rows=[Row("g", method)], slides=["toy4"], n_core=40, n_global=90)
    expected = report.slides["toy4"]["g"]
    assert rows["linear+generag"]["core"]["pcc_10"] == pytest.approx(expected["core"]["pcc_10"])
    r = np.array(rows["linear+generag"]["pearson"])
    np.testing.assert_allclose(r, expected["per_gene"]["pearson"].fillna(0), atol=6e-5)
    assert sum(rows["linear"]["is_core"]) == 40


def test_retrieval_is_solved_where_the_experiment_runs(material, tmp_path):
    """On a device without values it must fail: nothing is solved on the CPU instead."""
    placed = replace(material, device="meta")
    unit = Unit("color", "slide", "toy4", "linear")
    assert _key(unit, placed) == _key(unit, material)
    with pytest.raises((NotImplementedError, RuntimeError), match="meta"):
        run_unit(unit, placed, tmp_path)


def of_presets(material, *presets):
    methods = replace(material.recipe.methods, generag=presets, on_all_genes=())
    return replace(material, recipe=replace(material.recipe, methods=methods))


def test_published_rows_are_those_of_loso(material, plain_bank, tmp_path):
    """Over one panel and without context, where the backbone of a unit is that of a row."""
    shared = plain_bank.measured_everywhere
    bank = replace(
        plain_bank,
        expression=plain_bank.expression[:, shared],
        genes=plain_bank.genes[shared],
        measured=plain_bank.measured[shared],
    )
    presets = ["paper", "released", "released_lognorm"]
    unit = Unit("color", "slide", "toy4", "linear")
    path = run_unit(unit, of_presets(replace(material, bank=bank), *presets), tmp_path)
    found = json.loads(path.read_text())["rows"]
    rows = [row for row in standard_rows(GeneRAG(), bank, n_core=40) if row.name[8:] in presets]
    report = loso(bank, rows=rows, slides=["toy4"], n_core=40, n_global=90)
    for preset in presets:
        expected = report.slides["toy4"][f"generag_{preset}"]["per_gene"]["pearson"].fillna(0)
        np.testing.assert_allclose(found[f"linear+{preset}"]["pearson"], expected, atol=6e-5)


def test_released_retrieves_on_raw_counts(material, toy_bank, tmp_path):
    """Over the unit's backbone trained on counts; its values are then put on the table's scale."""
    unit = Unit("color", "slide", "toy4", "linear")
    both = of_presets(material, "released", "released_lognorm")
    rows = json.loads(run_unit(unit, both, tmp_path).read_text())["rows"]
    assert list(rows) == ["linear", "linear+released", "linear+released_lognorm"]
    references = toy_bank.without(slides=["toy4"])
    measured = toy_bank.select(["toy4"])
    panel = fix_panel(references, measured.genes, n_core=40, n_global=90)
    core, method = panel.genes[:40], GeneRAG.released(n_anchors=40, dim=toy_bank.encoder.dim // 2)
    queries, scored = toy_bank.embeddings_of("toy4"), ~measured.empty
    truth = measured.on_scale("log1p_cp10k")[:, measured.columns_of(panel.genes)].toarray()
    for name, scale in (("released", "counts"), ("released_lognorm", "log1p_cp10k")):
        over = replace(method, scale=scale, backbone=Linear().fit(references, core, scale=scale))
        prediction = over.fit(references).predict(queries)
        values = np.nan_to_num(prediction.expression)
        if scale == "counts":
            values = np.log1p(1e4 * values / values.sum(axis=1, keepdims=True))
        values = values[:, references.columns_of(panel.genes)]
        r = [
            np.corrcoef(values[scored, j], truth[scored, j])[0, 1]
            for j in np.flatnonzero(np.ptp(values[scored], axis=0) > 1e-6)
        ]
        varying = np.array(rows[f"linear+{name}"]["pearson"])[np.ptp(values[scored], axis=0) > 1e-6]
        np.testing.assert_allclose(varying, r, atol=2e-3)


def test_a_preset_that_changes_is_another_result(material, monkeypatch):
    units = [Unit("color", "slide", "toy4", group) for group in ("linear", "controls")]
    before = [_key(unit, material) for unit in units]
    paper = GeneRAG.paper
    monkeypatch.setattr(GeneRAG, "paper", lambda **given: replace(paper(**given), context=True))
    after = [_key(unit, material) for unit in units]
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_a_result_that_is_there_is_not_computed_again(material, tmp_path, monkeypatch):
    unit = Unit("color", "slide", "toy4", "controls")
    path = run_unit(unit, material, tmp_path)
    rows = json.loads(path.read_text())["rows"]
    assert {"depth_only", "mean_profile", "neighbors", "ridge_all", "null"} <= set(rows)

    def never(*_, **__):
        raise AssertionError("computed again")

    monkeypatch.setattr("spatialrag.workflow.units.loso", never)
    assert run_unit(unit, material, tmp_path) == path
    other = replace(
        material,
        recipe=replace(
            material.recipe, evaluation=replace(material.recipe.evaluation, scale="log1p")
        ),
    )
    with pytest.raises(AssertionError, match="computed again"):
        run_unit(unit, other, tmp_path)
    assert [p.name for p in (tmp_path / "units").iterdir()] == [path.name]


def test_seeds_make_a_difference(material, tmp_path):
    scores = []
    for seed in (0, 1):
        path = run_unit(Unit("color", "slide", "toy1", "small", seed), material, tmp_path)
        record = json.loads(path.read_text())
        assert record["facts"]["epochs"] >= 1
        scores.append(record["rows"]["small"]["core"]["pcc_10"])
    assert scores[0] != scores[1]


def test_a_killed_training_goes_on(material, tmp_path, monkeypatch):
    """Killed in the last training, that of the backbone on all genes."""
    monkeypatch.setattr("spatialrag.prediction.backbones.fitting._PAUSE", 0.0)
    methods = replace(material.recipe.methods, on_all_genes=("small",), generag=())
    material = replace(material, recipe=replace(material.recipe, methods=methods))
    unit = Unit("color", "slide", "toy1", "small")
    calls, loss = [], TwoTowers.loss

    def counted(self, slide, rows, generator):
        calls.append(0)
        if len(calls) == stop_at:
            raise KeyboardInterrupt
        return loss(self, slide, rows, generator)

    stop_at = -1
    monkeypatch.setattr(TwoTowers, "loss", counted)
    whole = json.loads(run_unit(unit, material, tmp_path / "whole").read_text())["rows"]
    stop_at, total = len(calls) - 2, len(calls)
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        run_unit(unit, material, tmp_path / "killed")
    left = ["".join(p.suffixes) for p in (tmp_path / "killed" / "networks").iterdir()]
    assert sorted(left) == [
        ".safetensors",
        ".training.all", ".training.fold0", ".training.fold1",
    ]  # fmt: skip
    stop_at = -1
    calls.clear()
    path = run_unit(unit, material, tmp_path / "killed")
    assert len(calls) < total
    rows = json.loads(path.read_text())["rows"]
    for name in ("small", "small_all"):
        assert rows[name]["pearson"] == whole[name]["pearson"]
    left = [p.suffix for p in (tmp_path / "killed" / "networks").iterdir()]
    assert sorted(left) == [".safetensors", ".safetensors"]


def test_tiles_reach_the_backbones_that_look_within_patches(material):
    with_tiles = replace(material, tiles=Tiles({}, {}))
    for group, differs in (("deepspot", True), ("bleep", False)):
        unit = Unit("color", "slide", "toy4", group)
        names = {_key(unit, each) for each in (material, with_tiles)}
        assert (len(names) == 2) == differs
    settings = _settings(Unit("color", "slide", "toy4", "deepspot", 7), with_tiles)
    assert settings.tiles is with_tiles.tiles
    assert settings.fitting.seed == 7


def test_a_device_names_nothing(material):
    unit = Unit("color", "slide", "toy4", "deepspot")
    assert _key(unit, material) == _key(unit, replace(material, device="cuda"))


def test_trainings_that_tuning_needs_are_kept_too(material, tmp_path):
    recipe = material.recipe
    tuned = replace(recipe, methods=replace(recipe.methods, generag=("tuned",)))
    unit = Unit("color", "slide", "toy1", "small")
    path = run_unit(unit, replace(material, recipe=tuned), tmp_path)
    assert list(json.loads(path.read_text())["rows"]) == ["small", "small+tuned"]
    assert len(list((tmp_path / "networks").glob("*.safetensors"))) == 1 + 3


def test_of_two_processes_at_a_unit_one_takes_the_others_result(material, tmp_path, monkeypatch):
    unit = Unit("color", "slide", "toy1", "controls")
    path = tmp_path / "units" / f"{unit.name}-{_key(unit, material)[:12]}.json"
    other = threading.Event()

    def work():
        with locked(path):
            other.set()
            time.sleep(0.3)
            path.write_text("{}")

    worker = threading.Thread(target=work)
    worker.start()
    other.wait()
    monkeypatch.setattr("spatialrag.workflow.units.loso", None)  # would be called to compute
    assert run_unit(unit, material, tmp_path).read_text() == "{}"
    worker.join()


def test_units_of_oddly_named_slides_stay_in_their_folder():
    names = [Unit("color", "slide", slide, "controls").name for slide in ("../x", "..-x", "a/b")]
    assert len(set(names)) == 3
    assert not any("/" in name for name in names)
