import matplotlib as mpl
import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.plots.maps import limits_of, plot_map, plot_pair
from spatialrag.prediction.prediction import TissuePicture

mpl.use("Agg")
XY = np.stack(np.meshgrid(np.arange(5), np.arange(4)), -1).reshape(-1, 2) * 100.0


def test_y_points_down_and_missing_is_drawn_apart():
    values = np.arange(20.0)
    values[3] = np.nan
    ax = plot_map(values, XY, title="G")
    assert ax.yaxis_inverted()
    assert [len(c.get_offsets()) for c in ax.collections] == [1, 19]


def test_over_the_slide_spots_have_their_true_size_and_the_bar_a_round_length():
    """A picture of 1 px for 10, 2 µm per pixel: 600 px across the frame are 1,200 µm."""
    tissue = TissuePicture(np.full((50, 60, 3), 100, np.uint8), scale=0.1, spot_px=70.0)
    ax = plot_map(np.arange(20.0), XY, tissue=tissue, mpp=2.0)
    (image,) = ax.images
    assert image.get_extent() == [0, 600, 500, 0]
    assert image.get_array().mean() == 255 - int((255 - 100) * 0.45) - 1  # dimmed
    assert set(ax.collections[0].get_widths()) == {70.0}
    (bar,) = ax.lines
    assert np.ptp(bar.get_xdata()) * 2.0 == 200
    assert "200 µm" in [text.get_text() for text in ax.texts]
    assert not plot_map(np.arange(20.0), XY).lines


@pytest.mark.parametrize("standardized", [True, False])
def test_both_maps_of_a_pair_have_the_same_limits(standardized):
    measured, predicted = np.arange(20.0), 5 + np.arange(20.0) / 10
    axes = plot_pair(
        predicted, measured, XY, gene="G", r=1.0, scale="log1p", standardized=standardized
    )
    limits = [ax.collections[0].get_clim() for ax in axes]
    assert limits[0] == limits[1]
    colours = [np.asarray(ax.collections[0].get_array()) for ax in axes]
    assert np.allclose(*colours) is standardized
    assert ("SD" in axes[0].get_title()) is standardized


def test_limits_of_maps_without_values_and_of_constant_ones():
    assert limits_of(np.full(3, np.nan)) == (0.0, 1.0)
    low, high = limits_of(np.array([2.0, 2.0, np.nan]))
    assert low == 2 < high


def test_pair_and_errors():
    left, right = plot_pair(np.ones(20), np.arange(20.0), XY, gene="G", r=0.5, scale="log1p")
    assert "measured" in left.get_title()
    assert "r = 0.50" in right.get_title()
    with pytest.raises(InputError, match="without positions"):
        plot_map(np.ones(20), XY * np.nan)
