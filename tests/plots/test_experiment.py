import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from spatialrag.plots.experiment import plot_bars, plot_gene_scatter, plot_pcc_against_k


def test_bars_are_means_and_points_are_slides():
    table = pd.DataFrame({"a": [0.1, 0.3], "b": [0.3, 0.5]}, index=["x", "x+generag"])
    (ax,) = plot_bars(table, metric="PCC").axes
    assert [round(bar.get_width(), 6) for bar in ax.patches] == [0.2, 0.4]
    points = [line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_marker() == "o"]
    assert [list(line.get_xdata()) for line in points] == [[0.1, 0.3], [0.3, 0.5]]
    plt.close("all")


def test_curves_are_running_means_of_the_best():
    (ax,) = plot_pcc_against_k({"m": np.array([0.2, np.nan, 0.6])}).axes
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0.6, 0.4, 0.8 / 3])
    plt.close("all")


def test_scatter_counts_genes_above_the_line():
    figure = plot_gene_scatter(np.array([0.1, 0.2]), np.array([0.3, 0.1]), ("a", "b"))
    assert figure.axes[0].get_title() == "above the line: 50% of genes"
    plt.close("all")
