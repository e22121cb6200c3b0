import matplotlib as mpl
import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.plots.maps import plot_map, plot_pair

mpl.use("Agg")
XY = np.stack(np.meshgrid(np.arange(5), np.arange(4)), -1).reshape(-1, 2) * 100.0


def test_y_points_down_and_missing_is_drawn_apart():
    values = np.arange(20.0)
    values[3] = np.nan
    ax = plot_map(values, XY, title="G")
    assert ax.yaxis_inverted()
    assert [len(c.get_offsets()) for c in ax.collections] == [1, 19]


def test_pair_and_errors():
    left, right = plot_pair(np.ones(20), np.arange(20.0), XY, gene="G", r=0.5, scale="log1p")
    assert "measured" in left.get_title()
    assert "r = 0.50" in right.get_title()
    with pytest.raises(InputError, match="without positions"):
        plot_map(np.ones(20), XY * np.nan)
