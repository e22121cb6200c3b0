from pathlib import Path

import pytest

from spatialrag.errors import InputError
from spatialrag.workflow.recipe import Methods, read_recipe

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


def test_what_is_written_is_what_is_read(recipe_file):
    recipe = read_recipe(recipe_file)
    assert recipe.title == "Toy"
    assert recipe.cohort.test == ("toy1", "toy4")
    assert recipe.methods.seeds == (0, 1)
    assert recipe.evaluation.n_global == 90
    assert recipe.embedding.patch_um is None
    assert recipe.ragst is None


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_recipes_can_be_read(path):
    recipe = read_recipe(path)
    assert recipe.title
    assert path.read_text().startswith("#")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("n_core = 40", "ncore = 40", "unknown key 'ncore'; did you mean 'n_core'"),
        ("[methods]", "[method]", "unknown key 'method'; did you mean 'methods'"),
        ('title = "Toy"', "", "title is missing"),
        ("schema = 1", "schema = 9", "another schema"),
        ('"linear", "small"', '"linear", "bleeb"', "did you mean 'bleep'"),
        ('"default", "paper"', '"default", "papers"', "unknown presets papers"),
        ('leave = ["slide"]', 'leave = ["organ"]', "unknown fold"),
        ('table = "', 'her2st = "x"\ntable = "', "one of her2st, hest and table"),
        ('test = ["toy1"', 'slides = ["toy4"]\ntest = ["toy1"', "test slides that are not"),
        ('title = "Toy"', "title = Toy", "is not TOML"),
    ],
)
def test_faults_are_named(recipe_file, tmp_path, old, new, message):
    text = recipe_file.read_text()
    assert old in text
    path = tmp_path / "faulty.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message):
        read_recipe(path)


def test_several_faults_are_listed_together(recipe_file, tmp_path):
    path = tmp_path / "faulty.toml"
    text = recipe_file.read_text().replace("seeds", "seed").replace("leave =", "left =")
    path.write_text(text)
    with pytest.raises(InputError, match="(?s)2 faults.*'left'.*'seed'"):
        read_recipe(path)
    with pytest.raises(InputError, match="does not exist"):
        read_recipe(tmp_path / "no.toml")


def test_methods_are_checked():
    with pytest.raises(InputError, match="from_file is not trained"):
        Methods(backbones=("from_file",))
    with pytest.raises(InputError, match="at least one backbone"):
        Methods(seeds=())


def test_settings_of_backbones(recipe_file, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(recipe_file.read_text() + "\n[backbones.linear]\ncomponents = 7\n")
    assert read_recipe(path).backbone("linear").components == 7
    path.write_text(recipe_file.read_text() + "\n[backbones.bleep]\nepochs = 7\n")
    with pytest.raises(InputError, match="does not run: bleep"):
        read_recipe(path)
