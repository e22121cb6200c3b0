import pytest

RECIPE = """
schema = 1
title = "Two slides"
[cohort]
table = "{table}"
slides = ["toy1", "toy4"]
test = ["toy4"]
[evaluation]
n_core = 30
n_global = 60
"""


@pytest.fixture
def recipe(toy_table, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(table=toy_table.name))
    return path


def test_check_then_run(run, recipe, toy_table, toy_cache, tmp_path):
    code, out, err = run("experiment", "check", recipe, "--data", toy_table.parent)
    assert code == 0, err
    assert "2 slides, 2 units" in out
    arguments = ["--data", toy_table.parent, "--out", tmp_path / "out"]
    code, out, err = run("experiment", "run", recipe, *arguments, "--cache", toy_cache)
    assert code == 0, err
    assert "linear+generag" in out
    assert (tmp_path / "out" / "report.html").exists()


def test_a_recipe_with_a_fault(run, recipe):
    recipe.write_text(recipe.read_text().replace("n_core", "cores"))
    code, _, err = run("experiment", "check", recipe)
    assert code == 2
    assert "unknown key 'cores'" in err
