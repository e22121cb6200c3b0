import pytest

RECIPE = """
schema = 1
title = "Toy"

[cohort]
table = "{table}"
test = ["toy1", "toy4"]

[embedding]
encoders = ["color"]

[evaluation]
leave = ["slide"]
n_core = 40
n_global = 90

[methods]
backbones = ["linear", "small"]
on_all_genes = ["linear"]
generag = ["default", "paper"]
seeds = [0, 1]
"""


@pytest.fixture(scope="session")
def recipe_file(toy_table, tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "toy.toml"
    path.write_text(RECIPE.format(table=toy_table.name))
    return path
