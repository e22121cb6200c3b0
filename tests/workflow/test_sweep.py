import matplotlib.pyplot as plt
import pytest

from spatialrag.workflow.recipe import read_recipe
from spatialrag.workflow.sweep import IMAGE_WEIGHTS, plot_sweep
from spatialrag.workflow.units import ExperimentInputs


@pytest.mark.parametrize("leave", ["slide", "donor"])
def test_a_map_per_image_weight_of_an_unseen_gene(recipe_file, toy_bank, leave):
    figure = plot_sweep(
        ExperimentInputs(read_recipe(recipe_file), toy_bank), leave=leave, slide="toy4"
    )
    titles = [ax.get_title() for ax in figure.axes]
    assert len(titles) == 1 + len(IMAGE_WEIGHTS)
    assert titles[0].endswith("measured")
    assert titles[2].startswith("w = 0.1, r = ")
    plt.close(figure)
