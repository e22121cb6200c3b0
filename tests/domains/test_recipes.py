import pytest

pytest.importorskip("torch")

from spatialrag.domains.recipes import RECIPES, recipe
from spatialrag.errors import InputError


def test_all_nine_sets_with_both_forms():
    assert len(RECIPES) == 9
    for name in RECIPES:
        printed, released = recipe(name).paper(), recipe(name).released()
        assert printed.objective.gamma == printed.objective.lambda_ == recipe(name).weight
        assert printed.graphs.features == released.graphs.features == "input"
        assert (printed.graphs.normalization, released.graphs.normalization) == ("symmetric", "row")
        assert printed.graphs.k_features == recipe(name).k_features


def test_what_r_is():
    assert recipe("dlpfc_151508").paper().graphs.radius == 560
    breast = recipe("breast_cancer").paper().graphs
    assert (breast.space, breast.k_space) == ("degree", 15)
    cortex = recipe("mouse_visual_cortex")
    assert (cortex.paper().graphs.space, cortex.paper().graphs.k_features) == ("knn", 15)
    assert cortex.released().graphs.k_features == 5
    assert cortex.released().training.epochs == 2000


def test_unknown_set():
    with pytest.raises(InputError, match="mouse_embryo"):
        recipe("liver")
